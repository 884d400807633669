"""What a client of bookshelf knows, and its OpenAPI document cannot say.

Each value is replaced only where it is valid as it stands: what is generated to be refused is sent as it is.
"""

import os
import re
import time
import urllib.error
import urllib.request
from uuid import uuid4

import schemathesis

NAMESPACE = os.environ["BOOKSHELF_SCHEMATHESIS_NAMESPACE"]
API = os.environ["BOOKSHELF_SCHEMATHESIS_API"]

VERSION = re.compile(r"[1-9][0-9]{0,37}(\.[1-9][0-9]{0,37})?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
REQUEST_KEY = re.compile(r"[!-~]{1,128}")
CONDITION = re.compile(
    r'\*|(,[ \t,]*)?(W/)?"[!#-~\u0080-\u00ff]*"([ \t]*,[ \t,]*(W/)?"[!#-~\u0080-\u00ff]*")*([ \t,]*,)?'
)
TOKEN = re.compile(r"[A-Za-z0-9_-]+")

last_version = None
tokens = {}


def is_valid(pattern, value):
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def await_version(version):
    """Waits until the service has a version of books and loans: on a busy machine that takes longer than a request waits."""
    headers = {"X-Resource-Version": version, "X-TENANT-ID": "bob"}
    end = time.monotonic() + 60
    for resource in ("book", "loan"):
        request = urllib.request.Request(f"{API}/{resource}/{NAMESPACE}?limit=1", headers=headers)
        while True:
            try:
                urllib.request.urlopen(request, timeout=30).close()
                break
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503) or time.monotonic() > end:
                    raise
                time.sleep(0.1)


@schemathesis.hook
def before_call(context, case, kwargs):
    path, query, headers, body = case.path_parameters, case.query, case.headers, case.body

    # The test's own namespace: in any other there is nothing to find.
    if path and is_valid(LABEL, path.get("namespace")):
        path["namespace"] = NAMESPACE

    # A version that no answer carried is in the future: that is waited for, and then a 503.
    if headers and is_valid(VERSION, headers.get("X-Resource-Version")):
        if last_version is None:
            del headers["X-Resource-Version"]
        else:
            await_version(last_version)
            headers["X-Resource-Version"] = last_version

    # A client gives each key to one request. With a key that another request had, 422 `key_reused` is right.
    if headers and is_valid(REQUEST_KEY, headers.get("Idempotency-Key")):
        headers["Idempotency-Key"] = str(uuid4())

    # Schemathesis (4.32.5) takes the quotes of a lone entity tag for those of JSON, drops them, and calls it valid.
    # A read does not look at an If-None-Match that is malformed.
    for name in ("If-Match", "If-None-Match") if case.method not in ("GET", "HEAD") else ("If-Match",):
        tag = headers.get(name) if headers else None
        if tag is not None and case.meta.generation.mode.is_positive and not is_valid(CONDITION, tag):
            headers[name] = f'"{tag}"'

    # A pattern can count neither terms nor what folding leaves of them.
    if query and isinstance(query.get("q"), str) and case.meta.generation.mode.is_positive and query["q"]:
        query["q"] = "title"

    # Opaque: only what the page before had is one, in the same search.
    if query and is_valid(TOKEN, query.get("continue")):
        token = tokens.get((case.formatted_path, query.get("q")))
        if token is None:
            del query["continue"]
        else:
            query["continue"] = token

    # Id and namespace are those of the path where a body has them, too. JSON Schema has no equality of two values.
    if path and isinstance(body, dict):
        for field, pattern, parameter in (("namespace_id", LABEL, "namespace"), ("id", NAME, "id")):
            if parameter in path and is_valid(pattern, body.get(field)):
                body[field] = path[parameter]


@schemathesis.hook
def after_call(context, case, response):
    global last_version
    for version in response.headers.get("x-resource-version", ()):
        last_version = version
    if response.status_code == 200 and "limit" in (case.query or {}) and response.content:
        token = response.json().get("continue")
        if token is not None:
            tokens[case.formatted_path, case.query.get("q")] = token
