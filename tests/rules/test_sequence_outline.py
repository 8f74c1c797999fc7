"""A sequence as people read it: every step once, by the name that the program gives it, with its place."""

from app.rules.policy import DEFAULTS, read_document
from app.rules.sequences.outline import outline
from app.rules.sequences.program import Jump, compile_steps
from app.rules.sequences.steps import StepDocument

STEPS = [
    StepDocument.model_validate(one)
    for one in (
        {"send": {"name": "One"}},
        {
            "id": "test",
            "split": [{"id": "soon", "steps": [{"wait": {"days": 1}}]}, {"id": "late", "weight": 3, "steps": []}],
        },
        {
            "branch": [{"label": "is ready", "when": {"field": "score", "op": "at_least", "value": 5}, "steps": []}],
            "else": [{"send": {"name": "Two"}, "id": "two"}],
        },
    )
]


def test_the_outline_has_every_step_with_its_ways_below_it() -> None:
    lines = outline(STEPS)
    assert [(line.step, line.way, line.depth, line.top) for line in lines] == [
        ("1", "", 0, 0),
        ("test", "", 0, 1),
        ("test", "soon", 1, 1),
        ("test.soon.1", "", 2, 1),
        ("test", "late", 1, 1),
        ("3", "", 0, 2),
        ("3", "is ready", 1, 2),
        ("3", "else", 1, 2),
        ("two", "", 2, 2),
    ]
    assert [line.share for line in lines if line.way] == [0.25, 0.75, 0, 0]
    assert [line.way for line in lines if line.ends] == ["late", "is ready"]


def test_its_steps_go_by_the_names_that_people_stand_at() -> None:
    shipped = read_document((DEFAULTS / "sequences.yaml").read_text(encoding="utf-8")).model.sequences
    for steps in (STEPS, *(one.steps for one in shipped)):
        program = {op.step for op in compile_steps(steps, "marketing") if not isinstance(op, Jump)}
        assert {line.step for line in outline(steps)} == program
