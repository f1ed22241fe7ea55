"""Every operation of the OpenAPI document, called with good and bad data: no 5xx, and no answer that the document does not name."""

import itertools
import os

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

schema = schemathesis.pytest.from_fixture("document")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Streams do not end by themselves.
STREAMS = {"/v1/orders/events"}
turns = itertools.count()


@schema.exclude(path=list(STREAMS)).parametrize()
@settings(max_examples=int(os.environ.get("NOREN_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_call_breaks_the_server_or_the_document(case, callers):
    case.headers = {**(case.headers or {}), **callers.headers(case.operation.definition.raw)}
    turn = next(turns)
    case.body = callers.body(case.operation.path, case.body, turn)
    case.query = callers.with_known(case.query, turn)
    case.call_and_validate(checks=CHECKS, timeout=20)
