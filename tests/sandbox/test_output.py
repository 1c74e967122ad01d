from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cultivar.sandbox.watch import Output

CHUNKS = st.lists(st.binary(max_size=60), max_size=30)


@given(chunks=CHUNKS, kept=st.integers(min_value=2, max_value=200))
def test_an_output_that_fits_is_kept_whole_and_else_its_ends_are(
    chunks: list[bytes], kept: int
) -> None:
    whole, output = b"".join(chunks), Output(kept)
    for chunk in chunks:
        output.add(chunk)
    half = kept // 2
    if len(whole) <= 2 * half:
        assert output.kept() == whole
    else:
        assert output.kept().startswith(whole[:half])
        assert output.kept().endswith(whole[-half:])
    assert output.total == len(whole)


@given(chunks=CHUNKS, kept=st.integers(min_value=2, max_value=200))
def test_what_is_left_out_is_counted(chunks: list[bytes], kept: int) -> None:
    output = Output(kept)
    for chunk in chunks:
        output.add(chunk)
    lost = output.total - 2 * (kept // 2)
    assert (f"{lost} bytes of output are left out".encode() in output.kept()) == (lost > 0)
