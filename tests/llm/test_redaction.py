from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import ModelUnavailableError
from cultivar.llm.redaction import MASK, Redactor, environment_secrets

SECRETS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=4)


@given(SECRETS.filter(str.strip), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    assert secret not in Redactor(secret).text(f"{before}{secret}{after}")


@given(st.lists(SECRETS), st.text())
def test_redacting_twice_is_redacting_once(secrets: list[str], text: str) -> None:
    once = Redactor(*secrets).text(text)
    assert Redactor(*secrets).text(once) == once


SECRET = 'pä/ss "w?rd"\n~tail'
RAW = SECRET.encode()
SPELLINGS = {
    "as it is": SECRET,
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON in UTF-8": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "repr": repr(SECRET)[1:-1],
    "a path": quote(SECRET),
    "a query": quote(SECRET, safe=""),
    "Base64": base64.b64encode(RAW).decode().rstrip("="),
    "Base64 for addresses": base64.urlsafe_b64encode(RAW).decode().rstrip("="),
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_is_found_however_it_is_spelled(spelled: str) -> None:
    assert Redactor(SECRET).text(f"<{spelled}>") == f"<{MASK}>"


def test_a_line_of_a_long_secret_is_masked_on_its_own() -> None:
    redactor = Redactor("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END KEY-----")
    assert "MIIEvQIBADANBgkqhkiG9w0B" not in redactor.text("line 2: MIIEvQIBADANBgkqhkiG9w0B")


def test_a_short_secret_is_masked_only_as_a_word() -> None:
    assert Redactor("ab").text("ab about cab, ab!") == f"{MASK} about cab, {MASK}!"


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    assert Redactor("pass", "password1").text("password1 pass") == f"{MASK} {MASK}"


def test_nothing_is_no_secret() -> None:
    assert Redactor("", "  ", "\n").text("a b\n") == "a b\n"


def test_json_is_masked_in_keys_and_depths_and_keeps_its_shape() -> None:
    redactor = Redactor("s3cr3t")
    value = {"s3cr3t": [1, True, None, {"k": "is s3cr3t"}]}
    assert redactor.json(value) == {MASK: [1, True, None, {"k": f"is {MASK}"}]}


def test_an_error_is_masked_in_its_words_and_in_its_arguments() -> None:
    error = Redactor("s3cr3t").error(ModelUnavailableError("Bad s3cr3t.", "Change s3cr3t."))
    assert "s3cr3t" not in f"{error} {error!r} {error.args}"


def test_a_number_at_the_end_of_a_name_and_short_words_change_nothing() -> None:
    named = ["DB_PASSWORD1", "PASSWD2", "API_TOKEN1", "SECRET2", "MYSQL_PWD", "db_pwd3", "KEY_1"]
    environ = {name: f"{name}-value" for name in named}
    innocent = {"PWD": "/home/someone", "OLDPWD": "/home/other", "MAX_TOKENS": "tokens-100"}
    assert environment_secrets(environ | innocent) == tuple(environ.values())


def test_variables_that_hold_keys_are_known_by_their_names() -> None:
    environ = {
        "OPENAI_API_KEY": "sk-aaaaaaaa",
        "GITHUB_TOKEN": "ghp_bbbbbbbb",
        "DB_PASSWORD": "cccccccc1",
        "AWS_SECRET_ACCESS_KEY": "Ddddddddd",
        "HOME": "/home/someone",
        "KEYBOARD": "en_US.layout",
        "MONKEY_TOKENS_LEFT": "eeeeeeee1",
        "USE_KEY": "true",
        "POSTGRES_PASSWORD": "postgres",
        "DATABASE_URL": "postgresql://user:pa55-word@db/name",
        "HOMEPAGE": "https://example.org:8080/a@b",
    }
    assert environment_secrets(environ) == (
        "sk-aaaaaaaa",
        "ghp_bbbbbbbb",
        "cccccccc1",
        "Ddddddddd",
        "pa55-word",
    )
