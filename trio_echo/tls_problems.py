"""What OpenSSL complains about, sorted by what a person can do about it."""

from __future__ import annotations

import ssl
from enum import Enum

from .messages import N_


class TlsProblem(Enum):
    """Why TLS with a peer failed, or a file of this side; the value says it in English."""

    NOT_TLS = N_("the peer does not speak TLS")
    NO_COMMON_VERSION = N_("the peer has no TLS version in common with this side")
    NO_COMMON_CIPHER = N_("the peer has no cipher in common with this side")
    NO_CERTIFICATE = N_("the peer sent no certificate")
    EXPIRED = N_("the peer's certificate has expired")
    NOT_YET_VALID = N_("the peer's certificate is not valid yet")
    UNTRUSTED = N_("the peer's certificate is not signed by a trusted authority")
    WRONG_NAME = N_("the peer's certificate is for another name")
    WRONG_PURPOSE = N_("the peer's certificate is not made for this purpose")
    BAD_CERTIFICATE = N_("the peer's certificate is not valid ({detail})")
    CERTIFICATE_WANTED = N_("the peer wants a certificate")
    OWN_EXPIRED = N_("the peer says that this side's certificate has expired")
    OWN_UNTRUSTED = N_("the peer does not trust this side's certificate")
    OWN_REFUSED = N_("the peer does not accept this side's certificate ({detail})")
    ENDED = N_("the peer ended the connection during the handshake")
    TIMED_OUT = N_("the peer did not finish the handshake in time")
    TRUNCATED = N_("the peer ended the connection without close_notify: data may be missing")
    DAMAGED = N_("what the peer sent was changed on its way")
    ALERT = N_("the peer refused to go on ({detail})")
    INVALID = N_("the peer broke the rules of TLS ({detail})")
    NO_CERTIFICATE_IN_FILE = N_("the file has no certificate in PEM")
    NO_KEY = N_("the file has no private key in PEM")
    KEY_ENCRYPTED = N_(
        "the private key has a password; remove it: openssl pkey -in KEY -out NEW_KEY"
    )
    KEY_MISMATCH = N_("the private key does not belong to the certificate")
    REFUSED_FILE = N_("OpenSSL does not accept the certificate ({detail})")


# X509_verify_cert_error_string(3)
_BY_VERIFY_CODE = {
    9: TlsProblem.NOT_YET_VALID,
    10: TlsProblem.EXPIRED,
    18: TlsProblem.UNTRUSTED,  # self-signed
    19: TlsProblem.UNTRUSTED,  # self-signed, in its chain
    20: TlsProblem.UNTRUSTED,  # its issuer is unknown
    21: TlsProblem.UNTRUSTED,  # the first certificate cannot be verified
    26: TlsProblem.WRONG_PURPOSE,
    62: TlsProblem.WRONG_NAME,
    64: TlsProblem.WRONG_NAME,  # of an address
}
# The names of OpenSSL's reasons, in include/openssl/sslerr.h.
_BY_REASON = {
    "BAD_RECORD_TYPE": TlsProblem.NOT_TLS,
    "HTTPS_PROXY_REQUEST": TlsProblem.NOT_TLS,
    "HTTP_REQUEST": TlsProblem.NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": TlsProblem.NOT_TLS,
    "RECORD_LAYER_FAILURE": TlsProblem.NOT_TLS,
    "UNEXPECTED_MESSAGE": TlsProblem.NOT_TLS,  # an echo server returns the client's first message
    "UNKNOWN_PROTOCOL": TlsProblem.NOT_TLS,
    "WRONG_VERSION_NUMBER": TlsProblem.NOT_TLS,
    "NO_PROTOCOLS_AVAILABLE": TlsProblem.NO_COMMON_VERSION,
    "UNSUPPORTED_PROTOCOL": TlsProblem.NO_COMMON_VERSION,
    "VERSION_TOO_LOW": TlsProblem.NO_COMMON_VERSION,
    "ALERT_PROTOCOL_VERSION": TlsProblem.NO_COMMON_VERSION,
    "NO_SHARED_CIPHER": TlsProblem.NO_COMMON_CIPHER,
    "NO_SUITABLE_KEY_SHARE": TlsProblem.NO_COMMON_CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": TlsProblem.NO_COMMON_CIPHER,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": TlsProblem.NO_CERTIFICATE,
    "ALERT_CERTIFICATE_REQUIRED": TlsProblem.CERTIFICATE_WANTED,
    "ALERT_CERTIFICATE_EXPIRED": TlsProblem.OWN_EXPIRED,
    "ALERT_UNKNOWN_CA": TlsProblem.OWN_UNTRUSTED,
    "ALERT_BAD_CERTIFICATE": TlsProblem.OWN_REFUSED,
    "ALERT_CERTIFICATE_REVOKED": TlsProblem.OWN_REFUSED,
    "ALERT_CERTIFICATE_UNKNOWN": TlsProblem.OWN_REFUSED,
    "ALERT_UNSUPPORTED_CERTIFICATE": TlsProblem.OWN_REFUSED,
    "BAD_DECRYPT": TlsProblem.DAMAGED,
    "BAD_RECORD_MAC": TlsProblem.DAMAGED,
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": TlsProblem.DAMAGED,
}


def problem_of(error: ssl.SSLError, *, handshake: bool) -> tuple[TlsProblem, str]:
    """Find out what an error of OpenSSL means.

    Args:
        error: of an `ssl.SSLSocket`, an `ssl.SSLObject` or a `trio.SSLStream`.
        handshake: whether it ended the handshake.

    Returns:
        The problem, and OpenSSL's words for it.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        problem = _BY_VERIFY_CODE.get(error.verify_code, TlsProblem.BAD_CERTIFICATE)
        return problem, error.verify_message.rstrip(".")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLSyscallError | ssl.SSLZeroReturnError):
        return (TlsProblem.ENDED if handshake else TlsProblem.TRUNCATED), "unexpected end"
    # An alert's name begins with the version that introduced it: TLSV1_ALERT_UNKNOWN_CA.
    start, alert, end = (error.reason or "unknown error").partition("ALERT_")
    name = alert + end if alert else start
    problem = _BY_REASON.get(name, TlsProblem.ALERT if alert else TlsProblem.INVALID)
    if problem is TlsProblem.NOT_TLS and not handshake:
        problem = TlsProblem.INVALID
    return problem, (end or start).replace("_", " ").lower()
