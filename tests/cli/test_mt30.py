"""`wmzoo mt30`: what makes no sense is refused before anything is made."""

from pathlib import Path

import pytest

from wmzoo.cli.main import main


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["mt30"], "--data DIR, as `wmzoo data convert` makes it"),
        (["mt30", "--experiment", "paper", "--data", "x"], "experiment=paper has no plan of an extraction"),
        (["mt30", "--data", "nowhere"], "nowhere: no index.json"),
        (["mt30", "--mini", "--workers", "0"], "--workers is 0"),
        (["mt30", "--mini", "trainer.horizno=3"], "trainer.horizno"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_before_anything_is_made(words, expected, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert expected in err and err.count("\n") == 1 and not Path(tmp_path / "out").exists()
