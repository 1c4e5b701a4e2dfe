"""What a host of repositories reads: the workflow runs what `.ci/run` runs, issues ask for evidence, citation."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_workflow_runs_what_has_to_pass_and_nothing_else():
    (job,) = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step and "git config" not in step["run"]]
    assert commands == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_every_issue_asks_for_the_evidence_of_an_audit():
    templates = [path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]
    assert len(templates) == 2
    for path in templates:
        fields = {each["id"]: each for each in yaml.safe_load(path.read_text())["body"] if "id" in each}
        assert "feeders audit" in fields["evidence"]["attributes"]["description"], path
        assert "--json" in fields["evidence"]["attributes"]["description"], path
        assert fields["evidence"]["validations"]["required"]


def test_the_citation_says_what_the_package_says():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0"
    project = (ROOT / "pyproject.toml").read_text()
    assert f'name = "{cited["authors"][0]["name"]}"' in project
    assert f'license = "{cited["license"]}"' in project
