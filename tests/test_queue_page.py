"""The page about queues is true: its programs run, and a worker is run by the command that it shows."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from brokers import KINDS, delete_queue, lacks_rabbitmq, lacks_redis, provide_broker
from queue_site import run_provider, save_config
from readme_page import ROOT, read_blocks, run
from waiting import wait_for

from connector_core.integrations.celery import CeleryQueue
from connector_core.queue import EmbeddedQueue, QueueError, RetryPolicy
from connector_core.queue.entry import DAY, LEASE, STATES

PAGE = (ROOT / "docs" / "queue.md").read_text("utf-8")
BLOCKS = list(read_blocks(PAGE))
MAIL, USE = (block.text for block in BLOCKS if block.section == "Celery" and block.language == "python")
(COMMAND,) = (block.text for block in BLOCKS if block.language == "sh")


def find_text(section: str) -> str:
    (text,) = (block.text for block in BLOCKS if block.section == section and block.language == "text")
    return text


def test_the_program_with_an_embedded_queue_prints_what_stands_below_it(tmp_path: Path) -> None:
    (program,) = (block.text for block in BLOCKS if block.section == "An embedded queue" and block.language == "python")

    done = run(sys.executable, "-W", "error", "-c", program, cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, find_text("An embedded queue"), "")


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_page_enqueues_with_celery_is_sent_by_the_worker_that_it_runs(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacks_redis():
        pytest.skip("Redis is not installed")
    if kind == "rabbitmq" and lacks_rabbitmq():
        pytest.skip("RabbitMQ is not installed")
    name = f"test-{uuid.uuid4().hex}"
    (tmp_path / "mail.py").write_text(_rename(MAIL, name), "utf-8")
    log = tmp_path / "worker.log"
    with provide_broker(kind) as broker, provide_broker("redis") as ledger, run_provider() as provider:
        settings = {
            "MAIL_BROKER": broker,
            "MAIL_LEDGER": ledger,
            "CONNECTOR_CORE_STORE": str(tmp_path / "configs.json"),
        }
        for variable, value in settings.items():
            monkeypatch.setenv(variable, value)
        save_config(tmp_path / "configs.json", provider.url)
        try:
            # Celery's pool of connections is left to the end of the process, which warns of them.
            enqueued = run(
                sys.executable,
                "-W",
                "error",
                "-W",
                "ignore::ResourceWarning",
                "-c",
                USE.replace('"code"', '"key"'),
                cwd=tmp_path,
            )
            program, *options = shlex.split(COMMAND.replace("--queues mail", f"--queues {name}"))
            with log.open("wb") as output:
                worker = subprocess.Popen(  # noqa: S603  the command of the page
                    [Path(sys.executable).parent / program, *options, "--without-gossip", "--without-mingle"],
                    cwd=tmp_path,
                    env={**os.environ, "NO_PROXY": "127.0.0.1"},
                    stdout=output,
                    stderr=output,
                )
            try:
                wait_for(lambda: provider.count("123456") == (1, 1) or worker.poll() is not None, "the worker sends")
            finally:
                worker.kill()
                worker.wait()
        finally:
            delete_queue(broker, name)
            delete_queue(ledger, name)

    assert (enqueued.returncode, enqueued.stdout, enqueued.stderr) == (0, find_text("Celery"), "")
    assert "Task" in log.read_text("utf-8")


def _rename(program: str, name: str) -> str:
    return program.replace('"mail"', f'"{name}"')


def test_the_page_shows_the_numbers_and_names_of_the_code() -> None:
    policy = RetryPolicy()
    shown = f"attempts={policy.attempts}, max_age={policy.max_age}, first_delay={policy.first_delay}"
    defaults = {one.name: one.default for one in inspect.signature(EmbeddedQueue).parameters.values()}
    assert f"RetryPolicy({shown}, longest_delay={policy.longest_delay})" in PAGE
    assert (defaults["window"], defaults["keep"], defaults["lease"]) == (DAY, 7 * DAY, LEASE)
    assert f"{LEASE} seconds are three times" in PAGE
    assert f"a `QueueError` with the code `{QueueError.code}`" in PAGE
    assert [word for word in re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) if word in STATES] == list(STATES)
    for kind in (EmbeddedQueue, CeleryQueue):
        assert set(re.findall(r"`queue\.(\w+)\(", PAGE)) - {"rescue"} <= set(dir(kind))


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!https:)[^)#]+)", PAGE))
def test_a_link_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (ROOT / "docs" / target).is_file()
