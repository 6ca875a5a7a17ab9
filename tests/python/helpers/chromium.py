"""A headless Chromium driven over a pipe by its own protocol: no driver, no network, no port."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

from runs import HANG_LIMIT_S

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """A browser with one page. Use as a context manager."""

    def __init__(self):
        self.messages = []  # What the page wrote to the console, and uncaught exceptions.
        self._next_id = 0
        self._buffer = b""
        self._profile = tempfile.TemporaryDirectory()

    def __enter__(self):
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # The protocol's two ends are the file descriptors 3 and 4 of the browser.
        script = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        options += ["--disable-dev-shm-usage", f"--user-data-dir={self._profile.name}"]
        options += ["--no-first-run", "--hide-scrollbars", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, PROGRAM, *options],
            pass_fds=(to_read, to_write),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        attached = self._call("Target.attachToTarget", targetId=self._page(), flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def _page(self):
        """The id of the one page, which may come a moment after the browser."""
        deadline = time.monotonic() + HANG_LIMIT_S
        while True:
            targets = self._call("Target.getTargets")["targetInfos"]
            pages = [target["targetId"] for target in targets if target["type"] == "page"]
            if pages:
                return pages[0]
            assert time.monotonic() < deadline, f"no page: {targets}"
            time.sleep(0.02)

    def __exit__(self, *_):
        self._call("Browser.close")
        self._process.wait(HANG_LIMIT_S)
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def show(self, path, width=1280, height=900, dark=False, scale=1):
        """Opens a local file in a window of this size and colour scheme, until it is rendered."""
        self.messages.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.run("document.documentElement.dataset.rendered = 'before'")  # Not this page's word.
        self.call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + HANG_LIMIT_S
        while not self.run("document.documentElement?.dataset.rendered === 'true'"):
            assert time.monotonic() < deadline, f"{path} does not render: {self.messages}"
            time.sleep(0.02)

    def run(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, height=None):
        """The page as PNG, from its top: whole, or this many pixels of it."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
        answer = self.call(
            "Page.captureScreenshot", clip=clip | {"scale": 1}, captureBeyondViewport=True
        )
        return base64.b64decode(answer["data"])

    def call(self, method, **parameters):
        """A command of the protocol to the page."""
        return self._call(method, self._session, **parameters)

    def _call(self, method, session=None, **parameters):
        self._next_id += 1
        message = {"id": self._next_id, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._next_id:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _receive(self):
        while b"\0" not in self._buffer:
            data = os.read(self._from, 1 << 20)
            assert data, "the browser is gone"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        if event.get("method") in (
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
        ):
            self.messages.append(event["params"])
