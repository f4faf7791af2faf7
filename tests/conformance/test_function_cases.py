"""Flink's own function and expression tests, as data, against the binder and the kernels."""

from __future__ import annotations

import pytest
from tests.conformance.cases import SHARED
from tests.conformance.score import function_cases, scalar_cases, summary

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not here")

SHARES = {"scalar": 0.98, "function": 0.985}
"""How many of Flink's cases agree today; raise it with the surface."""


def test_scalar_cases_of_flink() -> None:
    verdicts = list(scalar_cases())
    share = sum(v.status == "pass" for v in verdicts) / len(verdicts)
    assert share >= SHARES["scalar"], summary(verdicts)


def test_function_cases_of_flink() -> None:
    verdicts = list(function_cases())
    share = sum(v.status == "pass" for v in verdicts) / len(verdicts)
    assert share >= SHARES["function"], summary(verdicts)


def test_no_case_crashes() -> None:
    crashed = [v for v in (*scalar_cases(), *function_cases()) if v.status == "crash"]
    assert not crashed
