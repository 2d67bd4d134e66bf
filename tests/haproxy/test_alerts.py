"""HAProxy's messages are read with their place, and a user's words in them are never taken for one."""

from pathlib import Path

from haloy.proxies.haproxy.process.alerts import Alert, Severity, parse_alerts, parse_line

PLACE = Path("/c/a.cfg")


def test_the_shapes_that_haproxy_prints() -> None:
    text = """\
[NOTICE]   (7) : haproxy version is 2.8.25-5cf5d0683
[NOTICE]   (7) : path to executable is /usr/sbin/haproxy
[ALERT]    (7) : config : parsing [/c/a.cfg:2] : unknown keyword 'frob' in 'global' section
[ALERT]    (7) : config : parsing [/c/a.cfg:6]: unmatched quote at position 10:
  frontend "a
           ^
[ALERT]    (7) : Binding [/c/a.cfg:3] for frontend f: cannot bind socket (Address already in use) for [127.0.0.1:80]
[WARNING]  (7) : Server b/s1 is DOWN, reason: Layer4 connection problem.
[ALERT]    (7) : config : Error(s) found in configuration file : /c/a.cfg
[ALERT]    (7) : config : Fatal errors found in configuration.
"""
    bind = "Binding for frontend f: cannot bind socket (Address already in use) for [127.0.0.1:80]"
    assert parse_alerts(text) == (
        Alert(Severity.ALERT, "unknown keyword 'frob' in 'global' section", PLACE, 2, 7),
        Alert(Severity.ALERT, 'unmatched quote at position 10:\n  frontend "a\n           ^', PLACE, 6, 7),
        Alert(Severity.ALERT, bind, PLACE, 3, 7),
        Alert(Severity.WARNING, "Server b/s1 is DOWN, reason: Layer4 connection problem.", pid=7),
    )


def test_a_place_in_a_users_words_is_not_believed() -> None:
    line = "[ALERT]    (7) : config : Proxy 'x': no such thing 'parsing [/etc/passwd:1] : gotcha'."
    assert parse_line(line) == Alert(
        Severity.ALERT, "Proxy 'x': no such thing 'parsing [/etc/passwd:1] : gotcha'.", pid=7
    )


def test_when_there_is_only_the_summary_it_is_told() -> None:
    text = "[ALERT]    (7) : config : Fatal errors found in configuration.\n"
    assert [alert.text for alert in parse_alerts(text)] == ["Fatal errors found in configuration."]


def test_a_bare_line_of_a_crash_is_an_alert() -> None:
    assert parse_line("FATAL: bug condition") == Alert(Severity.ALERT, "FATAL: bug condition")
