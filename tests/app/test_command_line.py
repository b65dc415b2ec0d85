"""Arguments of the viewer, as a person mistypes them."""

import pytest

from app.command_line import parse


def refused(capsys, *arguments):
    """What is told, in one line, of arguments that make no sense."""
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("text", ["x", "2", "-0.1", "nan"])
def test_a_threshold_is_a_share(capsys, text):
    line = refused(capsys, f"--threshold={text}")
    assert line.endswith(f"argument --threshold: expected a number between 0 and 1, found {text}")


@pytest.mark.parametrize("text", ["12", "1280x", "x720", "1280*720", "-1x3"])
def test_a_window_has_two_sides(capsys, text):
    assert refused(capsys, f"--window-size={text}").endswith(f"expected WIDTHxHEIGHT such as 1280x720, found {text}")


def test_an_end_goes_with_a_screenshot(capsys):
    assert refused(capsys, "--exit").endswith("--exit goes with --screenshot FILE")
    options = parse(["photos", "--exit", "--screenshot", "a.png", "--threshold", "0.25", "--window-size", "1280x720"])
    assert (options.exit, options.threshold, options.window_size) == (True, 0.25, (1280, 720))
