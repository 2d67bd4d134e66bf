"""Which certificate is served for a Secret: the one it holds, the one that was served before, or none.

"None" means that haloy's self-signed certificate answers. A bad Secret never takes a good certificate off the air.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from haloy.api.conditions import Reason
from haloy.api.snapshot import made_of_files
from haloy.api.v1alpha1 import TlsSecret
from haloy.model.model import Bundle, Certificate, Material
from haloy.model.refs import ObjectRef
from haloy.model.secret import SecretBytes
from haloy.translate.context import RetainedBundle, RetainedCertificate
from haloy.translate.pem import CaBundle, KeyPair, PemError, covers, read_ca_bundle, read_key_pair

EXPIRY_NOTICE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class SecretState:
    """What a Secret holds. An absent part is None; `key_pair_problem` and `ca_problem` say what is wrong with one."""

    ref: ObjectRef
    key_pair: KeyPair | None = None
    key_pair_problem: str | None = None
    ca: CaBundle | None = None
    ca_problem: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The certificate that is served for one Secret, and why it is not the Secret's own.

    `names` are those of the certificate served. `problem` None: the Secret's own is served and fine. `expiring` holds
    while fewer than 14 days are left.
    """

    secret: ObjectRef
    certificate: Certificate | None = None
    material: Material | None = None
    names: tuple[str, ...] = ()
    problem: tuple[Reason, str] | None = None
    expiring: bool = False

    @property
    def served(self) -> str:
        """What clients get, as the end of a sentence."""
        if self.certificate is None:
            return "the self-signed certificate is served instead"
        if self.problem is None:
            return f"it is served, valid until {day(self.certificate.not_after)}"
        return f"the previous certificate stays in use, valid until {day(self.certificate.not_after)}"


@dataclass(frozen=True, slots=True)
class BundleChoice:
    """The CA certificates in use for one Secret; as for Choice, None of them when there is nothing to trust."""

    secret: ObjectRef
    bundle: Bundle | None = None
    material: Material | None = None
    problem: tuple[Reason, str] | None = None


def called(secret: ObjectRef) -> str:
    """The name for messages; what a source made of two files has none that the user would know."""
    return "the pair of files" if made_of_files(secret) else f"Secret {secret.key}"


def day(moment: datetime) -> str:
    """A moment as messages print it. `moment` is in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def examine(secret: TlsSecret) -> SecretState:
    """Read everything that `secret` holds. Slow (it checks signatures), so it is remembered per Secret."""
    key_pair: KeyPair | None = None
    key_pair_problem: str | None = None
    ca: CaBundle | None = None
    ca_problem: str | None = None
    if secret.certificate is not None or secret.key is not None:
        try:
            if secret.certificate is None or secret.key is None:
                raise PemError(
                    f"{'tls.crt' if secret.certificate is None else 'tls.key'} is absent; a certificate needs both"
                )
            key_pair = read_key_pair(secret.certificate.reveal(), secret.key.reveal())
        except PemError as error:
            key_pair_problem = str(error)
    if secret.ca is not None:
        try:
            ca = read_ca_bundle(secret.ca.reveal())
        except PemError as error:
            ca_problem = str(error)
    return SecretState(secret.ref, key_pair, key_pair_problem, ca, ca_problem)


def validity(pair: KeyPair, now: datetime) -> tuple[Reason, str] | None:
    """What `now` has against the certificate of `pair`, None: nothing."""
    if now < pair.not_before:
        return (
            Reason.CERTIFICATE_NOT_YET_VALID,
            f"is not valid before {day(pair.not_before)}; correct this machine's clock, or wait",
        )
    if now >= pair.not_after:
        return Reason.CERTIFICATE_EXPIRED, f"expired on {day(pair.not_after)}; renew it"
    return None


def choose(
    secret: ObjectRef,
    state: SecretState | None,
    retained: RetainedCertificate | None,
    wanted: tuple[str, ...],
    now: datetime,
    rejected: tuple[str, ...] = (),
) -> Choice:
    """The certificate for `secret`. `state` None: there is no such Secret. `wanted`: the hosts that are to be served.
    `rejected`: why it is not what is written now; a pair of files that can no longer be read is known as it was before.

    A certificate that covers none of them is as bad as an unreadable one when the previous one covers some.
    """
    problem = _problem(secret, state, now, rejected)
    pair = state.key_pair if state is not None else None
    unread = bool(rejected) and made_of_files(secret)
    if problem is None and pair is not None:
        if _covers_any(pair.names, wanted) or not _covers_any(_names_of(retained), wanted):
            return Choice(
                secret,
                Certificate(secret.key, pair.digest, pair.fingerprint, pair.not_after, secret),
                Material(pair.digest, pair.pem),
                pair.names,
                (Reason.CERTIFICATE_INVALID, "; ".join(rejected)) if unread else None,
                expiring=pair.not_after - now < EXPIRY_NOTICE,
            )
        problem = Reason.CERTIFICATE_HOST_MISMATCH, f"{called(secret)} {_wrong_names(pair.names, wanted)}"
    if retained is None:
        return Choice(secret, problem=problem)
    return Choice(secret, retained.certificate, retained.material, _names_of(retained), problem)


def phase(state: SecretState | None, now: datetime) -> tuple[bool, ...]:
    """What `choose` makes of `now`: as long as this stays equal, so does the choice."""
    pair = state.key_pair if state is not None else None
    if pair is None:
        return ()
    return now < pair.not_before, now >= pair.not_after, pair.not_after - now < EXPIRY_NOTICE


def next_phase(state: SecretState | None, now: datetime) -> datetime | None:
    """The first moment, not before `now`, at which `phase` may become another; None: it never will."""
    pair = state.key_pair if state is not None else None
    if pair is None:
        return None
    moments = (pair.not_before, pair.not_after, pair.not_after - EXPIRY_NOTICE)
    return min((moment for moment in moments if moment >= now), default=None)


def choose_bundle(secret: ObjectRef, state: SecretState | None, retained: RetainedBundle | None) -> BundleChoice:
    """The CA certificates for `secret`."""
    if state is None:
        problem = Reason.SECRET_NOT_FOUND, f"Secret {secret.key} does not exist"
    elif state.ca is not None:
        return BundleChoice(
            secret, Bundle(secret.key, state.ca.digest, secret), Material(state.ca.digest, state.ca.pem)
        )
    else:
        problem = Reason.INVALID_SECRET, f"Secret {secret.key}: {state.ca_problem or 'ca.crt is absent; add it'}"
    if retained is None:
        return BundleChoice(secret, problem=problem)
    return BundleChoice(secret, retained.bundle, retained.material, problem)


def _problem(
    secret: ObjectRef, state: SecretState | None, now: datetime, rejected: tuple[str, ...]
) -> tuple[Reason, str] | None:
    if state is None and rejected:
        words = "; ".join(rejected) if made_of_files(secret) else f"{called(secret)} is not valid, see haloy status"
        return Reason.CERTIFICATE_INVALID, words
    if state is None:
        return Reason.SECRET_NOT_FOUND, f"{called(secret)} does not exist; create it, or correct the name"
    if state.key_pair is None:
        words = state.key_pair_problem or "tls.crt and tls.key are absent; add them"
        return Reason.CERTIFICATE_INVALID, f"{called(secret)}: {words}"
    expiry = validity(state.key_pair, now)
    return (expiry[0], f"{called(secret)}: the certificate {expiry[1]}") if expiry is not None else None


def read_retained(name: str, pem: SecretBytes) -> RetainedCertificate:
    """A certificate that an earlier run wrote down (the PEM of its Material), by its name `namespace/secret-name`.

    Raises:
        ValueError: `name` or the PEM is damaged.
    """
    namespace, _, secret_name = name.partition("/")
    if not namespace or not secret_name:
        raise ValueError(f"{name!r} is not NAMESPACE/SECRET")
    pair = read_key_pair(pem.reveal(), pem.reveal())
    source = ObjectRef("Secret", namespace, secret_name)
    certificate = Certificate(name, pair.digest, pair.fingerprint, pair.not_after, source)
    return RetainedCertificate(certificate, Material(pair.digest, pair.pem))


def read_retained_bundle(name: str, pem: SecretBytes) -> RetainedBundle:
    """CA certificates that an earlier run wrote down (the PEM of their Material), by name (`namespace/secret-name`).

    Raises:
        ValueError: `name` or the PEM is damaged.
    """
    namespace, _, secret_name = name.partition("/")
    if not namespace or not secret_name:
        raise ValueError(f"{name!r} is not NAMESPACE/SECRET")
    bundle = read_ca_bundle(pem.reveal())
    source = ObjectRef("Secret", namespace, secret_name)
    return RetainedBundle(Bundle(name, bundle.digest, source), Material(bundle.digest, bundle.pem))


def _covers_any(names: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return not wanted or any(covers(names, host) for host in wanted)


def _wrong_names(names: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    return f"holds a certificate for {listed(names) or 'no host'}, not for {listed(wanted)}"


def listed(words: tuple[str, ...], limit: int = 5) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(words[:limit])
    return f"{shown} and {len(words) - limit} more" if len(words) > limit else shown


def _names_of(retained: RetainedCertificate | None) -> tuple[str, ...]:
    """The names that the retained certificate covers; its PEM is in normal form, written by this package."""
    if retained is None:
        return ()
    pem = retained.material.pem.reveal()
    return read_key_pair(pem, pem).names
