from __future__ import annotations

from collections.abc import Iterator

import pytest

from mbs.koji.session import HubAccount, HubSession
from tests.conftest import RunningHub


@pytest.fixture
def account(running_hub: RunningHub) -> HubAccount:
    return HubAccount(running_hub.url, authentication="password", user="mbs", password="mbs")


@pytest.fixture
def session(account: HubAccount) -> Iterator[HubSession]:
    with HubSession(account) as opened:
        yield opened
