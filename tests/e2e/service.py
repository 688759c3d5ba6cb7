"""`assay serve` of the tests' own, and calls of its API, each answer checked against the API's
description."""
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import time

import jsonschema

from conftest import TIMEOUT

PASSWORD = "correct horse battery"


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text
        self.json = json.loads(text) if text and "json" in headers.get("content-type", "") else None

    def __repr__(self):
        return f"{self.status} {self.text[:300]}"


class Service:
    def __init__(self, program, folder, *options, store=None, environment=None):
        self.folder = pathlib.Path(folder)
        self.store = store or f"sqlite:{self.folder}/store.db"
        self.key_file = self.folder / "secret.key"  # a store in a file has it beside itself anyway
        self.password_file = self.folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.log = self.folder / "log"
        self.command = [program, "serve", "--listen", "127.0.0.1:0", "--store", self.store,
                        "--admin-password-file", self.password_file,
                        *(["--key-file", self.key_file] if store else []), *options]
        self.environment = {**os.environ, **(environment or {})}
        self.description = None
        self.start()

    def start(self):
        self.log.write_text("")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([str(c) for c in self.command], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.environment)
        self.scheme, self.host, self.port = self.wait_for(
            r"listening on (https?)://([^:]+):(\d+)").groups()
        self.address = f"{self.scheme}://{self.host}:{self.port}"
        if self.description is None:
            self.description = json.loads(self.call("GET", "/v1/openapi.json", check=False).text)

    def wait_for(self, pattern, count=1):
        deadline = time.monotonic() + TIMEOUT
        while True:
            found = list(re.finditer(pattern, self.log.read_text()))
            if len(found) >= count:
                return found[-1]
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(TIMEOUT)

    def connection(self):
        if self.scheme == "http":
            return http.client.HTTPConnection(self.host, int(self.port), timeout=TIMEOUT)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(self.host, int(self.port), timeout=TIMEOUT,
                                           context=context)

    def call(self, method, path, token=None, body=None, headers=None, check=True):
        """body: what becomes JSON, or bytes that are sent as they are."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        connection.request(method, path, body, headers)
        got = connection.getresponse()
        answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()},
                        got.read().decode())
        connection.close()
        if check:
            self.check(method, path.split("?")[0], answer)
        return answer

    def operations(self):
        for path, item in self.description["paths"].items():
            for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
                yield method.upper(), path, item[method]

    def check(self, method, path, answer):
        """Whether the answer is one that the description promises."""
        for other, pattern, operation in self.operations():
            if other == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
                break
        else:
            assert answer.status in (404, 405), answer
            return
        responses = operation["responses"]
        if answer.status == 304:
            return
        promised = responses.get(str(answer.status))
        if promised is None:
            assert answer.status >= 400, answer
            promised = responses["default"]
        if "$ref" in promised:
            promised = self.description["components"]["responses"][promised["$ref"].split("/")[-1]]
        content = promised.get("content", {})
        if not content:
            assert answer.text == "", answer
            return
        media = answer.headers["content-type"].split(";")[0]
        assert media in content, (media, content)
        if "json" in media:
            jsonschema.Draft202012Validator(
                content[media]["schema"],
                resolver=jsonschema.RefResolver("", self.description)).validate(answer.json)

    def login(self, name="admin", password=PASSWORD):
        answer = self.call("POST", "/v1/login", body={"name": name, "password": password})
        assert answer.status == 200, answer
        return answer.json["token"]

    def make(self, path, body, token):
        """What a POST has made."""
        answer = self.call("POST", path, token, body)
        assert answer.status == 201, answer
        return answer.json

    def token(self, session, scopes=("read", "write", "admin")):
        return self.make("/v1/tokens", {"name": "test", "scopes": list(scopes)}, session)
