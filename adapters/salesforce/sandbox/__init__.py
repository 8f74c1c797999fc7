"""A simulated Salesforce organisation, in which everything can be tried without one."""

from adapters.salesforce.sandbox.acts import Salesforce

VENDOR = Salesforce
