"""How a person is told to release what waits for their word."""

from __future__ import annotations

from cultivar.settings import ImproveSettings


def approval(experiment_id: str, *options: str, settings: ImproveSettings) -> str:
    """The command that releases what an experiment has proven, in backticks.

    Args:
        experiment_id: Which.
        options: What else it takes.
        settings: Without `improve.real` it takes `--real`, too.
    """
    real = () if settings.real else ("--real",)
    return f"`{' '.join(('cultivar', 'approve', experiment_id[:8], *real, *options))}`"
