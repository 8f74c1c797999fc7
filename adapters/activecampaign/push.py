"""What ActiveCampaign can do for us: the table of it."""

from adapters.accepting import by_email, takes_handoffs
from adapters.activecampaign import automations, contacts, lists, sales
from adapters.contract import Again, Push
from app.contacts.action import (
    Action,
    AssignOwner,
    CreateNote,
    CreateTask,
    EnsureContact,
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Subscribe,
    TrackEvent,
    Unsubscribe,
    UpsertContact,
)

PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(contacts.write_contacts, batch=contacts.IMPORT, group=contacts.alone_or_together),
    # Alone: an import would not have made the contact by the time that its task comes
    EnsureContact: Push(contacts.write_contacts, accepts=takes_handoffs),
    AssignOwner: Push(sales.assign_owner, again=Again.LOOK, find=sales.find_deal, accepts=sales.has_pipeline),
    CreateTask: Push(sales.create_task, again=Again.LOOK, find=sales.find_task, accepts=takes_handoffs),
    CreateNote: Push(sales.create_note, again=Again.LOOK, find=sales.find_note, accepts=takes_handoffs),
    SendMessage: Push(
        automations.enrol, again=Again.LOOK, find=automations.find_enrolment, accepts=automations.can_send
    ),
    # Nobody can look whether an event was taken
    TrackEvent: Push(automations.track, again=Again.PARK, accepts=automations.can_track, limits=("events",)),
    Erase: Push(contacts.erase),
    Unsubscribe: Push(lists.unsubscribe, accepts=by_email),
    # A second try must not take on again who has left after the first
    Subscribe: Push(lists.subscribe, again=Again.LOOK, find=lists.find_subscription, accepts=lists.has_list),
    JoinList: Push(lists.join, accepts=lists.can_join),
    LeaveList: Push(lists.leave, accepts=lists.is_tag),
}
