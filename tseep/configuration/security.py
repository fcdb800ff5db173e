"""The parameters of security: passwords, ACL users, and protected commands."""

from __future__ import annotations

from tseep.configuration.kinds import LARGEST, TEXT, YES_NO, Parameter, choice, number

SECURITY = "Security"

SECURITY_PARAMETERS = [
    Parameter(
        "requirepass",
        "",
        TEXT,
        SECURITY,
        "Password of the default user. Visible to other users of the machine in ps; prefer --requirepass-file.",
    ),
    Parameter(
        "aclfile",
        "",
        TEXT,
        SECURITY,
        "File of ACL users, in --dir; read at start and by ACL LOAD, and written by ACL SAVE.",
        fixed=True,
    ),
    Parameter("acllog-max-len", "128", number(0, LARGEST), SECURITY, "Maximum number of entries in ACL LOG."),
    Parameter(
        "acl-pubsub-default",
        "resetchannels",
        choice("allchannels", "resetchannels"),
        SECURITY,
        "Channels that a new ACL user may access.",
    ),
    Parameter(
        "protected-mode",
        "yes",
        YES_NO,
        SECURITY,
        "Accept connections from this machine only while the default user has no password.",
    ),
    Parameter(
        "enable-debug-command",
        "no",
        choice("no", "yes", "local"),
        SECURITY,
        "Clients that may call DEBUG; local: those of this machine.",
        fixed=True,
    ),
    Parameter(
        "enable-module-command",
        "no",
        choice("no", "yes", "local"),
        SECURITY,
        "Clients that may call MODULE LOAD, which fails, as tseep has no modules; local: those of this machine.",
        fixed=True,
    ),
    Parameter(
        "enable-protected-configs",
        "no",
        choice("no", "yes", "local"),
        SECURITY,
        "Clients that may set dir and dbfilename with CONFIG SET, and so write a file anywhere; local: those of this "
        "machine.",
        fixed=True,
    ),
]
