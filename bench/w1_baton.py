"""Baton for the W1 harness ("webhook to action"): ``driver.py --sut w1_baton:Baton``, with this folder on the path.

The harness brings ``core`` (how systems are started and counted) and ``events`` (the workload); nothing here works
without it. Baton runs as its users run it: `baton run`, with its shipped rules, a scoring rule for each kind of event,
and a trigger that tells a vendor of each demo request. The vendor's stub speaks a format of its own, so a small
translator stands before it; like the stub it is not counted.
"""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import events as workload
from core import PY, SUT, free_port, wait_port
from w1_policies import w1_policies

HERE = Path(__file__).resolve().parent
BATON = os.environ.get("W1_BATON") or str(HERE.parent / ".venv" / "bin" / "baton")
PORTAL = "62515"


class Baton(SUT):
    """`baton run` on PostgreSQL"""

    name = "Baton, PG"
    path = "/webhooks/hubspot"

    def database(self) -> str:
        return self.postgres(ddl="select 1")

    def start(self) -> None:
        self.port = free_port()
        url = self.database()
        self.env = {
            "BATON_HOME": self.dir, "BATON_PORT": str(self.port), "BATON_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "BATON_ALLOW_PRIVATE_TARGETS": "1", "DATABASE_URL": url, "BATON_WORKERS": os.environ.get("W1_WORKERS", "2"),
        }  # fmt: skip
        front = free_port()
        self.front = subprocess.Popen([PY, str(HERE / "w1_translator.py"), str(front), self.vendor_url])
        wait_port(front)
        secret = self.secret.decode()
        self.baton("connection", "add", "hubspot", "--set", f"client_secret={secret}", "--set", f"portal_id={PORTAL}")
        self.baton(
            "connection", "add", "make", "--name", "vendor", "--set", f"webhook_url=http://127.0.0.1:{front}/",
            "--set", "calls_per_second=100000", "--set", "events_per_request=100",
        )  # fmt: skip
        self.baton("policy", "export", f"{self.dir}/rules")
        shipped = Path(f"{self.dir}/rules/scoring.yaml").read_text()
        for name, text in w1_policies(shipped, workload.POINTS, workload.ACTION_KIND).items():
            Path(f"{self.dir}/{name}").write_text(text)
            self.baton("policy", "publish", f"{self.dir}/{name}")
        self.spawn([BATON, "run", "--no-demo"], self.env)
        wait_port(self.port)

    def baton(self, *arguments: str) -> None:
        done = subprocess.run([BATON, *arguments], env={**os.environ, **self.env}, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"baton {' '.join(arguments)}: {done.stdout}{done.stderr}")

    def stop(self) -> None:
        super().stop()
        self.front.terminate()
        self.front.wait()

    TOTALS = "select (select count(*) from events), (select coalesce(sum(score), 0) from contacts)"
    SCORES = "select a.value, c.score from contacts c join aliases a on a.contact_id = c.id where a.kind = 'hubspot'"

    def query(self, sql: str):
        with self.db.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def totals(self):
        events, score = self.query(self.TOTALS)[0]
        return events, round(score)

    def scores(self):
        return {int(name): round(score) for name, score in self.query(self.SCORES)}


class BatonSQLite(Baton):
    """`baton run` with nothing but itself: SQLite and the embedded Valkey"""

    name = "Baton, SQLite"

    def database(self) -> str:
        self.file = f"{self.dir}/baton.db"
        return f"sqlite:///{self.file}"

    def query(self, sql: str):
        conn = sqlite3.connect(self.file, timeout=30)
        try:
            return conn.execute(sql).fetchall()
        finally:
            conn.close()
