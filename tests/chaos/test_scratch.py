from tests.chaos.conftest import MakeTown
from tests.feeding import rows
from jobs import ingest, deliver
import time
def test_it(make_town: MakeTown):
    town = make_town("sqlite")
    town.arrive(town.sign_up("a@acme.example"))
    for _ in range(3): town.arrive([town.write("a@acme.example")])
    town.arrive(town.get_ready("b@acme.example"))
    end = time.time() + 12
    while time.time() < end and town.left():
        ingest.drain(town.runtime, 5); deliver.drain(town.runtime, 5); time.sleep(.1)
    print(town.left())
    for r in rows(town.runtime, "events", "type", "body"): print(r)
    for r in rows(town.runtime, "deliveries", "kind", "status", "reason"): print(r)
    for r in rows(town.runtime, "decisions", "what", "outcome","summary"): print(r)
    for e in town.vendors.klaviyo.events: print(e)
    print(list(town.vendors.klaviyo.profiles.values())[0])
    town.check()
