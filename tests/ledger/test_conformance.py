"""The SQL ledger does what every ledger must, on each database."""

from cultivar.testing.ledgers import GenerationsContract, QueriesContract, RunsContract
from cultivar.testing.stores import (
    CallRecordContract,
    ContentStoreContract,
    PatternStoreContract,
    VerdictCacheContract,
)
from cultivar.testing.tallies import TallyStoreContract
from cultivar.testing.upgrades import MigrationsContract, StandingContract


class TestContentStore(ContentStoreContract):
    pass


class TestVerdictCache(VerdictCacheContract):
    pass


class TestPatternStore(PatternStoreContract):
    pass


class TestCallRecord(CallRecordContract):
    pass


class TestTallyStore(TallyStoreContract):
    pass


class TestRuns(RunsContract):
    pass


class TestGenerations(GenerationsContract):
    pass


class TestQueries(QueriesContract):
    pass


class TestMigrations(MigrationsContract):
    pass


class TestStanding(StandingContract):
    pass
