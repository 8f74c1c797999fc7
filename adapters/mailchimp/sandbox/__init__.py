"""A simulated Mailchimp: one account whose audiences are there as soon as they are named."""

from adapters.mailchimp.sandbox.account import Mailchimp

VENDOR = Mailchimp
