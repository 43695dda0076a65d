"""``smalti dashboard``: the chip in a browser, live or played back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console

if TYPE_CHECKING:
    from smalti.analysis.dashboard.live import Source
    from smalti.analysis.dashboard.replay import Recorded


@dataclass(frozen=True)
class Dashboard:
    """Show the chip in a browser: let it grow round by round, or play a recorded run back.

    Without arguments: split digits on the default chip. Needs the extra `dashboard`.

    Attributes:
        source: folder of a run to play back, or a configuration file to simulate (`smalti init` writes one).
        port: port to listen at; 0 takes any free one.
        host: address to listen at; any but the default lets other machines in, if they have the printed address with
            its token, which goes over the network unencrypted.
        open: open a browser.
    """

    source: tyro.conf.Positional[Path | None] = None
    port: int = 8765
    host: str = "127.0.0.1"
    open: bool = True

    def execute(self) -> None:
        """Serve until interrupted."""
        from smalti.analysis.dashboard.server import LOCAL, listen, require_extra, serve

        require_extra()
        with listen(self.host, self.port) as listener:
            source = self._source()
            console = Console()
            if self.host not in LOCAL:
                told = "whoever has the address below with its token can use the page; it travels unencrypted"
                console.print(f"other machines reach {self.host}: {told}", markup=False)

            def tell(url: str) -> None:
                console.print(f"{url}   (Ctrl-C ends it)", markup=False, highlight=False, soft_wrap=True)

            try:
                serve(source, listener, tell, self.open, self.host)
            except KeyboardInterrupt:
                console.print("ended")

    def _source(self) -> Source | Recorded:
        from smalti.analysis.dashboard.live import live_source  # not above: help need not wait for Mesa and torch
        from smalti.analysis.dashboard.replay import recorded
        from smalti.scheduler.configuration.config import Config
        from smalti.scheduler.configuration.config_io import load

        if self.source is None:
            return live_source(Config())
        if self.source.is_dir():
            return recorded(self.source)
        return live_source(load(Config, self.source))
