"""How well scores tell whom sales takes up: what sales said of those who were handed over."""

from flask import abort, render_template

from app import calibration
from app.admin.blueprint import admin
from app.admin.policies import address_of, existing_policy
from app.receive import this_runtime

KIND = "scoring"


@admin.get(f"/policies/{KIND}/<name>/calibration")
def policy_calibration(name: str) -> str:
    """By score, by threshold and by rule."""
    found, runtime = existing_policy(KIND, name), this_runtime()
    if found.in_force is None:
        abort(404)
    with runtime.database.read() as conn:
        calibrated = calibration.look(runtime, conn)
    return render_template(
        "admin/policy_calibration.html",
        policy=found,
        address=address_of(KIND, name),
        threshold=calibrated.threshold,
        labels=calibrated.labels,
        cut=calibrated.cut,
        most=calibration.MOST,
        found=calibrated.found,
    )
