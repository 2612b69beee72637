"""The miniature deployment behind HTTP on the loopback, and a carrier's folder that uses it."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tomli_w
from carrier_miniature import PEER, SELF, STORE_ID, Miniature

from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.messages.membership import CredentialResponse, RenewRequest
from trunkline.jager.messages.parameters import SignedParameters, root_fingerprint
from trunkline.service.config import load_config
from trunkline.service.keys import IdentityKey, save_secret


class HttpDeployment:
    """Labels, renewals and the record store on one port; `hook` sees every request before and after it."""

    def __init__(self, miniature: Miniature, folder: Path):
        self.miniature = miniature
        self.folder = folder
        self.hook: Callable[[str, bool], None] = lambda _path, _answered: None
        self.headers: list[tuple[str, dict[str, str]]] = []
        self.ports: list[tuple[str, int]] = []
        self.more: dict[str, Callable[[bytes], bytes]] = {}
        self.media: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.config_file = self._write()

    @property
    def config(self) -> CarrierConfig:
        return load_config(self.config_file, CarrierConfig)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: bytes) -> bytes:
        if path == "/v1/labels":
            return self.miniature.labels(body)
        if path == "/v1/contributions":
            return self.miniature.store(body)
        if path in self.more:
            return self.more[path](body)
        period = RenewRequest.decode(body).period
        credential = self.miniature.keys.issuer.issue(period, self.miniature.keys.member.public_point)
        return CredentialResponse(self.miniature.parameters.hash, credential, 0).encode()

    def _handler(deployment):  # noqa: N805 - the handler's own `self` is another one
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                deployment.headers.append((self.path, dict(self.headers.items())))
                deployment.ports.append((self.path, self.client_address[1]))
                deployment.hook(self.path, False)
                content = deployment.answer(self.path, body)
                deployment.hook(self.path, True)
                self.send_response(200)
                self.send_header("content-type", deployment.media.get(self.path, "application/octet-stream"))
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments):
                pass

        return Handler

    def _write(self) -> Path:
        miniature, folder = self.miniature, self.folder
        root = IdentityKey.generate()
        (folder / "parameters.json").write_bytes(
            SignedParameters.sign(miniature.parameters.payload, root).encode()
        )
        miniature.keys.carrier.save(folder / "identity.key")
        save_secret(folder / "member.key", miniature.keys.member.secret_bytes(), kind="member")
        (folder / "data").mkdir()
        credential = miniature.keys.issuer.issue(miniature.period, miniature.keys.member.public_point)
        name = f"credential-{miniature.parameters.group.id.hex()}-{miniature.period}.key"
        save_secret(folder / "data" / name, credential, kind="credential")
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        services = ("labels", "membership", "authorization", "accountability", "record_store")
        config = {
            "parameters": "parameters.json",
            "root_fingerprint": root_fingerprint(root.public_key),
            "registry": "registry.json",
            "data_dir": "data",
            "sources": "sources.toml",
            "carrier": {
                "id": SELF.hex,
                "name": "Self",
                "identity_key": "identity.key",
                "member_secret": "member.key",
                "record_store_id": STORE_ID.hex(),
                "control_socket": "control.sock",
                **{f"{service}_url": url for service in services},
            },
            "labels": {"batch": 64, "interval_ms": 10},
            "contribution": {"batch": 8, "interval_ms": 10, "delay_max_s": 0.05},
        }
        (folder / "carrier.toml").write_text(tomli_w.dumps(config))
        (folder / "Master.csv").touch()
        source = {
            "format": "asterisk-csv",
            "paths": ["Master.csv"],
            "time_zone": "UTC",
            "number_plan": {"style": "e164", "region": "US"},
            "trunks": {"peer": PEER.hex},
            "access": {"desk": "subscribers"},
            "settle_ms": 0,
        }
        (folder / "sources.toml").write_text(tomli_w.dumps({"source": [source]}))
        return folder / "carrier.toml"
