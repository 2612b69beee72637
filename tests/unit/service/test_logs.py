import json
import logging
import sys
import threading

import pytest
import structlog

from trunkline.service.logs import configure_logging


@pytest.fixture(autouse=True)
def restored_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_log_lines_are_json_with_service_level_and_time(capsys):
    configure_logging("labels")
    structlog.get_logger("a.b").info("served", count=3)
    logging.getLogger("library").warning("odd %s", "thing")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["count"], ours["service"], ours["level"]) == ("served", 3, "labels", "info")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["service"], theirs["logger"]) == ("odd thing", "labels", "library")


def test_lines_below_the_level_are_left_out(capsys):
    configure_logging("labels", "warning")
    structlog.get_logger("a").info("x")
    assert lines(capsys) == []


@pytest.mark.parametrize("name", ["ours", "library"])
def test_exception_is_logged_by_class_and_place_without_its_text(capsys, name):
    configure_logging("labels")
    logger = structlog.get_logger(name) if name == "ours" else logging.getLogger(name)
    try:
        int("+1555 0100")
    except ValueError:
        logger.exception("failed")
    text = capsys.readouterr().err
    assert "+1555 0100" not in text
    line = json.loads(text)
    assert line["exception"] == "ValueError"
    assert "test_logs.py" in line["where"][0]


@pytest.mark.parametrize("where", ["main", "thread"])
def test_uncaught_exception_is_logged_without_its_text(capsys, where):
    configure_logging("labels")
    if where == "thread":
        thread = threading.Thread(target=int, args=("+1555 0100",))
        thread.start()
        thread.join()
    else:
        try:
            int("+1555 0100")
        except ValueError as error:
            sys.excepthook(ValueError, error, error.__traceback__)
    text = capsys.readouterr().err
    assert "+1555 0100" not in text
    assert json.loads(text)["exception"] == "ValueError"
