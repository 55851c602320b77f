"""SECURITY.md says what the code and the templates say."""

import re
from typing import Any

import pytest
import yaml

from data_prep.formats import plain_file
from data_prep.formats.entries import MAX_DOCUMENTS
from data_prep.formats.lines import MAX_LINE_BYTES
from data_prep.recordio import MAX_RECORD_BYTES
from data_prep.vocabulary import MAX_VOCABULARY_BYTES
from tests.support.synthesis import PROJECT
from topics.model import ndarray, tar_member

from .conftest import Synthesize, Templates

MIB, GIB = 1 << 20, 1 << 30
SENTENCES = " ".join((PROJECT / "SECURITY.md").read_text().split())


def cooldown() -> int:
    updates = yaml.safe_load((PROJECT / ".github/dependabot.yml").read_text())["updates"]
    (days,) = {update["cooldown"]["default-days"] for update in updates}
    return int(days)


@pytest.mark.parametrize(
    "sentence",
    [
        f"Dependabot asks for a release after {cooldown()} days",
        f"a line has at most {MAX_LINE_BYTES // MIB} MiB",
        f"a vocabulary {MAX_VOCABULARY_BYTES // MIB} MiB",
        f"a corpus {MAX_DOCUMENTS:,} documents",
        (
            f"gzip is refused from {plain_file._UNPACKED_BYTES // GIB} GiB on, when it is more "
            f"than {plain_file._UNPACKED_TIMES} times as large as its file"
        ),
        (
            f"unpacks to more than {tar_member.MAX_MODEL_BYTES // GIB} GiB, to more than "
            f"{tar_member.MAX_RATIO} times its size (beyond {tar_member.SMALL_BYTES // MIB} MiB)"
        ),
        f"a record of at most {MAX_RECORD_BYTES // MIB} MiB at a time",
        f"up to 2^{ndarray.MAX_ELEMENTS.bit_length() - 1} numbers",
    ],
)
def test_a_number_is_that_of_the_code(sentence: str) -> None:
    assert sentence in SENTENCES


def test_every_number_is_held() -> None:
    """A new one needs a line above."""
    told = re.sub(r"\(docs/[^)]*\)|NIST 800-53 r5|SHA-256", "", SENTENCES)
    held = ["7", "16", "256", "99,999,999", "1", "100", "1", "100", "32", "2", "28", "16"]
    assert re.findall(r"\b\d[\d,]*", told) == held


def test_files_that_it_names_are_there() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", SENTENCES):
        assert (PROJECT / link).exists()
    for name in re.findall(r"`(tests/[^`]+)`", SENTENCES):
        assert (PROJECT / name).exists()


def roles(templates: Templates) -> list[dict[str, Any]]:
    return [
        role["Properties"]
        for template in templates.values()
        for role in template.find_resources("AWS::IAM::Role").values()
    ]


def trust(role: dict[str, Any]) -> dict[str, Any]:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    found: dict[str, Any] = statement
    return found


def test_a_role_trusts_one_service_and_that_of_jobs_for_this_account(
    synthesize: Synthesize,
) -> None:
    by_service: dict[str, list[dict[str, Any]]] = {}
    for role in roles(synthesize()):
        assert trust(role)["Principal"].keys() == {"Service"}
        by_service.setdefault(str(trust(role)["Principal"]["Service"]), []).append(role)
    assert by_service.keys() == {"lambda.amazonaws.com", "sagemaker.amazonaws.com"}
    (execution,) = by_service["sagemaker.amazonaws.com"]
    assert "aws:SourceAccount" in trust(execution)["Condition"]["StringEquals"]


def test_all_roles_of_an_environment_are_bounded(synthesize: Synthesize) -> None:
    found = roles(synthesize(permissions_boundary="team"))
    assert len(found) > 5
    assert all("PermissionsBoundary" in role for role in found)
