"""Knowledge of a bookshelf client that its OpenAPI document cannot express.

Only valid values are replaced. Values that are generated to be refused are sent unchanged.
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
    """Waits for a version of books and loans, which on a busy machine may take longer than a request waits."""
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

    # The test's own namespace, since others contain nothing.
    if path and is_valid(LABEL, path.get("namespace")):
        path["namespace"] = NAMESPACE

    # A version that no response has had is in the future: the service waits for it, and then answers 503.
    if headers and is_valid(VERSION, headers.get("X-Resource-Version")):
        if last_version is None:
            del headers["X-Resource-Version"]
        else:
            await_version(last_version)
            headers["X-Resource-Version"] = last_version

    # A client uses each key for one request. For the key of another request, 422 `key_reused` is correct.
    if headers and is_valid(REQUEST_KEY, headers.get("Idempotency-Key")):
        headers["Idempotency-Key"] = str(uuid4())

    # Schemathesis (4.32.5) removes the quotes of a single entity tag as if they were JSON, and considers the result
    # valid. Reads ignore a malformed If-None-Match.
    for name in ("If-Match", "If-None-Match") if case.method not in ("GET", "HEAD") else ("If-Match",):
        tag = headers.get(name) if headers else None
        if tag is not None and case.meta.generation.mode.is_positive and not is_valid(CONDITION, tag):
            headers[name] = f'"{tag}"'

    # A pattern can count neither terms nor the characters that folding keeps.
    if query and isinstance(query.get("q"), str) and case.meta.generation.mode.is_positive and query["q"]:
        query["q"] = "title"

    # Opaque: only the token in the previous page of the same search is valid.
    if query and is_valid(TOKEN, query.get("continue")):
        token = tokens.get((case.formatted_path, query.get("q")))
        if token is None:
            del query["continue"]
        else:
            query["continue"] = token

    # Id and namespace in a body must equal those in the path, which JSON Schema cannot express.
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
