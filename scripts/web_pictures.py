"""Pictures of the page for the documentation: a few views at reading size, and all of them in both themes as sheets.

Needs Chromium and the development packages; `python scripts/web_pictures.py` writes docs/images/web-*.webp.
"""

import importlib
import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
BROWSER = importlib.import_module("web.browser")  # the tests' own way to a server and a page

IMAGES = ROOT / "docs/images"
SIZE = (1440, 900)
ALONE = (("blackboard", "light", ""), ("blackboard", "dark", "&x=cost"), ("plan", "light", ""), ("deduce", "dark", ""))
READING = (1080, 675)
COLUMNS, THUMB = 4, (360, 225)
MOST_BYTES = 60_000


def _picture(page: Any, server: Any, view: str, more: str) -> Image.Image:
    BROWSER.opened(page, server, f"&view={view}{more}")
    if more:
        page.wait_for_selector("[data-explain-value]")
    page.wait_for_timeout(700)  # lists and measured widths settle
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _save(picture: Image.Image, name: str) -> None:
    path = IMAGES / f"web-{name}.webp"
    for quality in (80, 65, 50, 40, 30):
        picture.save(path, quality=quality, method=6)
        if path.stat().st_size <= MOST_BYTES:
            break
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} KB")


def _sheet(pictures: list[Image.Image]) -> Image.Image:
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * THUMB[0], rows * THUMB[1]), pictures[0].getpixel((SIZE[0] - 2, SIZE[1] - 2)))
    for at, picture in enumerate(pictures):
        place = (at % COLUMNS * THUMB[0], at // COLUMNS * THUMB[1])
        sheet.paste(picture.resize(THUMB, Image.Resampling.LANCZOS), place)
    return sheet


def main() -> None:
    server = BROWSER.Server()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=BROWSER.chromium_path(), args=["--no-sandbox"])
            for theme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme=theme, reduced_motion="reduce"
                )
                page = context.new_page()
                page.set_default_timeout(120_000)
                for view, wanted, more in ALONE:
                    if wanted == theme:
                        _save(
                            _picture(page, server, view, more).resize(READING, Image.Resampling.LANCZOS),
                            f"{view}-{theme}",
                        )
                _save(_sheet([_picture(page, server, view, "") for view in BROWSER.VIEWS]), f"views-{theme}")
                context.close()
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
