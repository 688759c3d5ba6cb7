"""What HIL and M2 answer, as their documentation has it (HIL itself needs Python 2): HTTP Basic without
a challenge, JSON sent as HTML, errors as {"type", "msg"} or plain text, forms even with DELETE."""
import base64
import http.server
import json
import sqlite3
import threading
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value, media="text/html; charset=utf-8"):
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def credentials(self):
        given = self.headers.get("Authorization", "")
        if not given.startswith("Basic "):
            return None, None
        return base64.b64decode(given[6:]).decode().split(":", 1)

    def any(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.requests.append((self.command, self.path, text))
        self.respond(text)

    do_GET = do_PUT = do_POST = do_DELETE = any

    def log_message(self, *_):
        pass


class Server:
    def __init__(self, handler):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.owner = self
        self.server.requests = self.requests = []
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class HilHandler(Handler):
    def respond(self, text):
        hil = self.server.owner
        user, password = self.credentials()
        parts = [urllib.parse.unquote(p) for p in self.path.split("/")[1:]]
        if text or hil.users.get(user) != password:
            return self.answer(401, {"type": "AuthorizationError", "msg": "no"})
        if parts[:2] == ["v0", "project"] and parts[3:] == ["nodes"]:
            if parts[2] not in hil.projects:
                return self.answer(404, {"type": "NotFoundError", "msg": "no such project"})
            members, nodes = hil.projects[parts[2]]
            if user not in members:  # HIL does not say which it was
                return self.answer(401, {"type": "AuthorizationError", "msg": "no"})
            return self.answer(200, list(nodes))
        if parts[:2] == ["v0", "node"]:
            name = parts[2]
            for _, nodes in hil.projects.values():
                if name in nodes:
                    return self.answer(200, {
                        "name": name, "project": None, "metadata": {"secret": '"top-secret"'},
                        "obmd_node_token": "top-secret",
                        "nics": [{"label": k, "macaddr": v, "networks": {}}
                                 for k, v in nodes[name].items()]})
        return self.answer(404, "<html><title>404</title></html>")


class Hil(Server):
    """users: name -> password; projects: name -> (users, {node: {nic: address}})."""

    def __init__(self, users, projects):
        self.users, self.projects = users, projects
        super().__init__(HilHandler)


class M2Handler(Handler):
    def respond(self, text):
        m2 = self.server.owner
        user, password = self.credentials()
        form = dict(urllib.parse.parse_qsl(text))
        if user is None or "project" not in form:
            return self.answer(400, "bad request")
        if m2.users.get(user) != password:
            return self.answer(401, "login failed")
        if any(c in v for v in form.values() for c in ";<>&|'"):
            return self.answer(500, "refused")
        function = m2.calls.get((self.command, self.path))
        if function is None:
            return self.answer(404, "there is no such call")
        return self.answer(*function(form))


class M2(Server):
    def __init__(self, users, database):
        self.users, self.database = users, database
        self.calls = {("GET", "/iscsi/iscsi_target_info/"): self.target}
        super().__init__(M2Handler)

    def target(self, form):
        with sqlite3.connect(self.database.path) as db:
            row = db.execute("SELECT i.id FROM image i JOIN project p ON p.id = i.project_id "
                             "WHERE p.name = ? AND i.name = ?",
                             [form["project"], form["node"]]).fetchone()
        db.close()
        if row is None:
            return 404, form["node"] + " not found"
        return 200, {"iscsi_target": f"iscsi:10.0.0.1:tcp:3260:1:{self.database.uid}img{row[0]}"}


class M2Database:
    """With M2's own tables."""

    def __init__(self, path, uid="7"):
        self.path, self.uid = str(path), uid
        self.run("CREATE TABLE project (id INTEGER PRIMARY KEY, name VARCHAR UNIQUE NOT NULL)")
        self.run("CREATE TABLE image (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL,"
                 " is_public BOOLEAN NOT NULL, is_snapshot BOOLEAN NOT NULL,"
                 " project_id INTEGER NOT NULL REFERENCES project (id),"
                 " parent_id INTEGER REFERENCES image (id), UNIQUE (project_id, name))")

    def run(self, statement, values=()):
        with sqlite3.connect(self.path) as db:
            made = db.execute(statement, values).lastrowid
        db.close()
        return made

    def project(self, name):
        return self.run("INSERT INTO project (name) VALUES (?)", [name])

    def image(self, project, name, parent=None, snapshot=False):
        """The name of the image in Ceph."""
        number = self.run("INSERT INTO image (name, is_public, is_snapshot, project_id, parent_id)"
                          " VALUES (?, 0, ?, (SELECT id FROM project WHERE name = ?), ?)",
                          [name, snapshot, project, parent])
        return f"{self.uid}img{number}"

    def remove(self, name):
        self.run("DELETE FROM image WHERE name = ?", [name])
