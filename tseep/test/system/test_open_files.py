"""Tests for L{tseep.system.open_files}."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import open_files
from tseep.system.open_files import MOST_HTTP, RESERVED, allow_clients, clients_for, files_for, reserved_files


class AllowClientsTests(SynchronousTestCase):
    """C{allow_clients} raises the soft limit of open files, or lowers the number of clients."""

    def limits(self, soft: int, hard: int) -> list[tuple[int, int]]:
        """Use fake limits; return the list of the limits that are set."""
        made: list[tuple[int, int]] = []
        self.patch(open_files.resource, "getrlimit", lambda which: (soft, hard))
        self.patch(open_files.resource, "setrlimit", lambda which, limits: made.append(limits))
        return made

    def test_enough(self) -> None:
        """A sufficient limit is not changed."""
        made = self.limits(5000, 9000)
        self.assertEqual(allow_clients(1000), (5000, 1000))
        self.assertEqual(made, [])

    def test_raised(self) -> None:
        """A soft limit that is too low is raised to the required number, not higher."""
        made = self.limits(100, 9000)
        self.assertEqual(allow_clients(1000), (1000 + RESERVED, 1000))
        self.assertEqual(made, [(1000 + RESERVED, 9000)])

    def test_hard_limit(self) -> None:
        """If the hard limit is too low, fewer clients are allowed."""
        made = self.limits(100, 500)
        self.assertEqual(allow_clients(1000), (500, 500 - RESERVED))
        self.assertEqual(made, [(500, 500)])

    def test_no_hard_limit(self) -> None:
        """Without a hard limit any number of clients is allowed."""
        made = self.limits(100, resource.RLIM_INFINITY)
        self.assertEqual(allow_clients(1000), (1000 + RESERVED, 1000))
        self.assertEqual(made, [(1000 + RESERVED, resource.RLIM_INFINITY)])

    def test_no_limit(self) -> None:
        """Without any limit nothing is set."""
        made = self.limits(resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        self.assertEqual(allow_clients(1000)[1], 1000)
        self.assertEqual(made, [])

    def test_processes(self) -> None:
        """Each of several processes needs files for its share of the clients, plus a margin for uneven shares."""
        made = self.limits(100, 20_000)
        self.assertEqual(allow_clients(100_000, 6), (17_506, 100_000))
        self.assertEqual(made, [(17_506, 20_000)])

    def test_too_many_for_the_processes(self) -> None:
        """If the share exceeds the limit, fewer clients are allowed, as many as fit."""
        self.limits(256, 256)
        _, allowed = allow_clients(10_000, 2)
        self.assertTrue(128 < allowed < 2 * (256 - RESERVED), allowed)
        self.assertTrue(files_for(allowed, 2) <= 256 < files_for(allowed + 3, 2))
        self.assertEqual(clients_for(RESERVED - 1, 2), 0)

    def test_room_for_pages(self) -> None:
        """Files are reserved for the connections of the HTTP endpoint, if there is one."""
        self.limits(300, 300)
        self.assertEqual(allow_clients(1000, 1, reserved_files(2)), (300, 300 - RESERVED - MOST_HTTP - 3))
        self.assertEqual(allow_clients(1000, 1, reserved_files(0)), (300, 300 - RESERVED))
