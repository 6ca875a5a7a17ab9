"""`accuracy` on logs in which answers are missing, and on logs with names of their own.

Method: tests of systems that fail all samples, or those with an odd index, of a library of 50; what
is missing is then known. Logs of several tests lie in one folder, and have different prefixes.
"""

import pytest
from cli_commands import QUICK, RUN, document, done

pytest_plugins = ["cli_fixtures"]


def accuracy_run(system, *more):
    words = ("run", f"system.py:{system}", "system.py:Numbers", "-m", "AccuracyOnly", "-o", "logs")
    return done(*words, *more, status=0 if system == "Good" else 1)


@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_a_run_in_which_everything_failed_is_not_the_mistake_of_who_ran_it(folder, scenario):
    accuracy_run("Fails", "-s", scenario)
    shown = done("accuracy", "logs").stdout
    assert "without a response    50 of 50" in shown
    assert "samples failed (100 %): status 503" in shown
    assert "the system answered no sample" in shown
    assert "a performance test logs none" not in shown
    assert document("accuracy", "logs")["missing"] == 50


def test_answers_that_are_missing_are_reported_without_labels_too(folder):
    accuracy_run("FailsOdd")
    shown = done("accuracy", "logs").stdout
    assert "without a response    25 of 50" in shown
    assert "samples failed (" in shown and "did not answer a sample" not in shown
    found = document("accuracy", "logs")
    assert (found["responses"], found["missing"]) == (25, 25)


def test_nothing_is_missing_from_a_whole_log_and_from_a_performance_test(folder):
    accuracy_run("Good")
    assert document("accuracy", "logs")["missing"] == 0
    assert "without a response" not in done("accuracy", "logs").stdout
    done(*RUN, *QUICK, "-o", "fast")
    assert "a performance test logs none" in done("accuracy", "fast").stdout


def test_a_log_without_responses_and_without_other_logs_is_no_known_mistake(folder):
    accuracy_run("Fails")
    (folder / "logs/mlperf_log_detail.txt").write_bytes(b"")
    shown = " ".join(done("accuracy", "logs").stdout.split())
    assert "no responses: the other logs of the test, which would show why, are not there" in shown
    assert "run with --mode" not in shown


def test_logs_with_a_prefix_are_found_in_their_folder(folder):
    ran = accuracy_run("Good", "--log", "prefix=z_")
    assert "next: mlperf-loadgen accuracy logs\n" in ran.stdout
    assert document("accuracy", "logs")["responses"] == 50


def test_of_several_tests_in_a_folder_one_has_to_be_named(folder):
    accuracy_run("Good", "--log", "prefix=z_")
    ran = accuracy_run("Good", "--log", "prefix=y_")
    assert "next: mlperf-loadgen accuracy logs/y_accuracy.json\n" in ran.stdout
    refused = done("accuracy", "logs", status=2)
    assert "logs holds the logs of 2 tests; give one of logs/y_accuracy.json, " in refused.stderr
    assert document("accuracy", "logs/y_accuracy.json")["responses"] == 50


def test_a_folder_without_an_accuracy_log_is_refused(folder):
    (folder / "my_accuracy.json").write_text("{}")
    refused = done("accuracy", ".", status=2)
    assert "folder . has no mlperf_log_accuracy.json, nor one of another prefix" in refused.stderr
