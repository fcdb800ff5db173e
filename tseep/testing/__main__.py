"""
The process of L{tseep.testing.ChildProcess}: C{python -m tseep.testing MODE [PARAMETER VALUE ...]}.

It writes C{{"port": 40001}} to standard output, and answers L{requests <tseep.testing.control>} on standard input until
EOF there. If the server cannot start, the first line is an error, and the exit status is 1.
"""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # the imports create no garbage, but its collector takes a tenth of their time
    sys.modules["OpenSSL"] = None  # type: ignore[assignment] # Twisted does without TLS, whose import takes a fifth

    from tseep.testing.control import main

    main(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:])
