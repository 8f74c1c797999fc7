"""What Salesforce can do for us: the table of it."""

from adapters.accepting import all_marketing, by_email, takes_handoffs
from adapters.contract import Again, Push
from adapters.salesforce import campaigns, consent, contacts, sales
from app.contacts.action import (
    Action,
    AssignOwner,
    CreateTask,
    EnsureContact,
    Erase,
    JoinList,
    LeaveList,
    Subscribe,
    Unsubscribe,
    UpsertContact,
)

PUSHES: dict[type[Action], Push] = {
    # Whoever is new is looked up first, so that a lost answer may be asked for again
    UpsertContact: Push(contacts.write_people, batch=200),
    EnsureContact: Push(contacts.write_people, batch=200, accepts=takes_handoffs),
    AssignOwner: Push(sales.assign_owner, accepts=takes_handoffs),
    # It holds all that a note would say
    CreateTask: Push(sales.create_task, again=Again.LOOK, find=sales.find_task, accepts=takes_handoffs),
    Unsubscribe: Push(consent.unsubscribe, accepts=by_email),
    Subscribe: Push(consent.subscribe, accepts=all_marketing),
    JoinList: Push(campaigns.join, batch=200, group=campaigns.campaign_of, accepts=campaigns.is_campaign),
    LeaveList: Push(campaigns.leave, accepts=campaigns.is_campaign),
    Erase: Push(contacts.erase),
}
