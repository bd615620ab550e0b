/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/reason.h"

#include <assert.h>
#include <stddef.h>

typedef struct ReasonInfo {
        const char *word;
        ReasonClass class;
        const char *phrase;
        const char *advice;
} ReasonInfo;

/* The server says no more than a number, so all that it may mean is named, likeliest first. */
#define ADVICE_IDENTITY                                                                           \
        "The server does not say which part is wrong. Compare with the console, in this order: "  \
        "the names (product key and device name; AccessKey, instance and group), the secret "     \
        "(token, password), the region and cloud.instance_id, and whether the device is enabled " \
        "there. 'iotlinkctl sign --explain' shows what is sent"

static const ReasonInfo table[_REASON_MAX] = {
                [REASON_NONE] = {"none", REASON_CLASS_NETWORK, "no fault", ""},
                [REASON_DNS_UNKNOWN_HOST] =
                                {"dns-unknown-host", REASON_CLASS_NETWORK,
                                 "the host name does not exist",
                                 "Check cloud.region, cloud.instance_id or cloud.endpoint for a typing error"},
                [REASON_DNS_FAILURE] = {"dns-failure", REASON_CLASS_NETWORK,
                                        "the name server did not answer",
                                        "Check the network and /etc/resolv.conf"},
                [REASON_TCP_REFUSED] =
                                {"tcp-refused", REASON_CLASS_NETWORK,
                                 "nothing accepts connections at this port",
                                 "Check the port in cloud.endpoint or cloud.tls.roots, and firewalls; the "
                                 "platform's ports for plain TCP are closed for newer accounts "
                                 "(cloud.tls.enable = true)"},
                [REASON_TCP_TIMEOUT] =
                                {"tcp-timeout", REASON_CLASS_NETWORK,
                                 "no reply to the TCP connection request",
                                 "A firewall may swallow it: allow outgoing TCP to this port"},
                [REASON_NETWORK_UNREACHABLE] = {"network-unreachable", REASON_CLASS_NETWORK,
                                                "there is no route to the host",
                                                "Check this machine's network and default route"},
                [REASON_CLOCK_WRONG] =
                                {"clock-wrong", REASON_CLASS_NETWORK,
                                 "this machine's clock is wrong, so that no certificate can be verified",
                                 "Set it, or let NTP do it (timedatectl set-ntp true); a clock that starts in "
                                 "1970 at each boot has no battery"},
                [REASON_CAPTIVE_PORTAL] =
                                {"captive-portal", REASON_CLASS_NETWORK,
                                 "a web server answered in place of the cloud",
                                 "A captive portal or a proxy is in the way: log in to the network, or have "
                                 "this gateway exempted; or the port in cloud.endpoint is a web server's"},
                [REASON_NOT_TLS] =
                                {"not-tls", REASON_CLASS_NETWORK,
                                 "the server does not speak TLS at this port",
                                 "Check the port; where it is for plain TCP, cloud.tls.enable must be false"},
                [REASON_TLS_WANTED] =
                                {"tls-wanted", REASON_CLASS_NETWORK,
                                 "the server wants TLS at this port, and plain TCP was spoken",
                                 "Set cloud.tls.enable = true, or use the port for plain TCP"},
                [REASON_TLS_ROOT_UNREADABLE] =
                                {"tls-root-unreadable", REASON_CLASS_TRUST,
                                 "the root certificate file cannot be used",
                                 "Check that the file in cloud.tls.roots exists and is a PEM certificate"},
                [REASON_TLS_ROOT_EXPIRED] =
                                {"tls-root-expired", REASON_CLASS_TRUST,
                                 "the root certificate that is trusted here has expired",
                                 "Put a current root into cloud.tls.roots, or install a newer iotlinkd, which "
                                 "brings some; the server's certificate is not at fault"},
                [REASON_TLS_UNTRUSTED_ROOT] =
                                {"tls-untrusted-root", REASON_CLASS_TRUST,
                                 "the server's certificate comes from a root that is not trusted here",
                                 "Check that the port and the root in cloud.tls.roots belong together; if they do, "
                                 "a portal, a proxy or somebody else is intercepting the connection"},
                [REASON_TLS_EXPIRED] =
                                {"tls-expired", REASON_CLASS_TRUST,
                                 "the server's certificate has expired",
                                 "Check this machine's clock first; if it is right, the server's "
                                 "owner must renew the certificate"},
                [REASON_TLS_NOT_YET_VALID] =
                                {"tls-not-yet-valid", REASON_CLASS_NETWORK,
                                 "the server's certificate is not valid yet",
                                 "This machine's clock is behind: set it, or let NTP do it"},
                [REASON_TLS_WRONG_HOST] =
                                {"tls-wrong-host", REASON_CLASS_TRUST,
                                 "the server's certificate is for another host name",
                                 "Use the host name from the console in cloud.endpoint, not an address or alias"},
                [REASON_TLS_VERSION] = {"tls-version", REASON_CLASS_TRUST,
                                        "the server speaks no version of TLS that is allowed here",
                                        "It must offer TLS 1.2 or newer, and what "
                                        "cloud.tls.min_version demands"},
                [REASON_TLS_CLIENT_CERTIFICATE] =
                                {"tls-client-certificate", REASON_CLASS_TRUST,
                                 "the server wants a client certificate that it accepts",
                                 "Check cloud.tls.certificate_file and key_file, the certificate's end, and "
                                 "that the server trusts its issuer"},
                [REASON_TLS_TIMEOUT] =
                                {"tls-timeout", REASON_CLASS_NETWORK,
                                 "the server took the connection but did not answer in the TLS handshake",
                                 "A firewall that inspects traffic may swallow it; or the port does not speak "
                                 "TLS, and for plain TCP cloud.tls.enable must be false"},
                [REASON_TLS_FAILED] =
                                {"tls-failed", REASON_CLASS_NETWORK, "the TLS handshake failed",
                                 "Check that the port speaks TLS (for a plain TCP port "
                                 "cloud.tls.enable must be false), and that no firewall cuts it"},
                [REASON_NO_ANSWER] =
                                {"no-answer", REASON_CLASS_NETWORK,
                                 "the server took the connection but did not answer CONNECT in time",
                                 "Check that an MQTT broker listens at this port"},
                [REASON_CLOSED_EARLY] =
                                {"closed-early", REASON_CLASS_NETWORK,
                                 "the server closed the connection without an answer to CONNECT",
                                 "Check the port; plain TCP may be switched off for this account (use "
                                 "cloud.tls.enable = true); another program with this identity may connect more "
                                 "often than the cloud allows"},
                [REASON_BAD_ANSWER] =
                                {"bad-answer", REASON_CLASS_NETWORK,
                                 "the server answered CONNECT with something else than MQTT",
                                 "Check the host and the port: another service listens there"},
                [REASON_REFUSED_PROTOCOL] = {"refused-protocol", REASON_CLASS_REFUSED,
                                             "the server does not speak MQTT 3.1.1 (CONNACK 1)",
                                             "Check cloud.endpoint"},
                [REASON_REFUSED_CLIENT_ID] =
                                {"refused-client-id", REASON_CLASS_REFUSED,
                                 "the client id or the keepalive is not accepted (CONNACK 2)",
                                 "The server does not say which. Check, in this order, identity.client_id (at "
                                 "most 64 characters; for AliwareMQ a group that was created in the console), "
                                 "cloud.keepalive (the platform takes 30 to 1200 seconds), cloud.sign_method "
                                 "and the region; 'iotlinkctl sign --explain' shows what is sent"},
                [REASON_REFUSED_UNAVAILABLE] =
                                {"refused-unavailable", REASON_CLASS_NETWORK,
                                 "the service is unavailable (CONNACK 3)",
                                 "This passes; if it stays, look at the cloud's status page"},
                [REASON_REFUSED_CREDENTIALS] = {"refused-credentials", REASON_CLASS_REFUSED,
                                                "user name or password is wrong (CONNACK 4)",
                                                ADVICE_IDENTITY},
                [REASON_REFUSED_NOT_AUTHORIZED] = {"refused-not-authorized", REASON_CLASS_REFUSED,
                                                   "this identity is not authorized (CONNACK 5)",
                                                   ADVICE_IDENTITY},
                [REASON_REFUSED_OTHER] =
                                {"refused-other", REASON_CLASS_REFUSED,
                                 "the server refused with a code that MQTT 3.1.1 does not define",
                                 "Check that cloud.endpoint is an MQTT 3.1.1 broker"},
                [REASON_AUTH_UNREACHABLE] =
                                {"auth-unreachable", REASON_CLASS_NETWORK,
                                 "the authentication service or command gave no credentials this time",
                                 ""},
                [REASON_AUTH_REFUSED] =
                                {"auth-refused", REASON_CLASS_REFUSED,
                                 "the authentication service or command gives no credentials until somebody acts",
                                 ""},
                [REASON_CLOSED] = {"closed", REASON_CLASS_NETWORK,
                                   "the connection was closed by the server or the network",
                                   "Nothing to do unless it repeats"},
                [REASON_KEEPALIVE_TIMEOUT] =
                                {"keepalive-timeout", REASON_CLASS_NETWORK,
                                 "nothing was heard from the server for too long",
                                 "The network drops packets silently; if it repeats, try a "
                                 "smaller cloud.keepalive"},
                [REASON_ACK_TIMEOUT] =
                                {"ack-timeout", REASON_CLASS_NETWORK,
                                 "the server does not acknowledge what was published",
                                 "Check the cloud's log for dropped messages and cloud.limits"},
                [REASON_TWIN] = {"twin", REASON_CLASS_TWIN,
                                 "the server closes each connection right after it was accepted, as it "
                                 "does when another client logs in with the same identity",
                                 "Find the other user of this identity and stop it, or give it a device "
                                 "name of its own"},
                [REASON_REDELIVERY] =
                                {"redelivery", REASON_CLASS_NETWORK,
                                 "it is made again, so that the cloud sends what could not be kept before",
                                 "Nothing to do"},
                [REASON_INTERNAL] = {"internal", REASON_CLASS_NETWORK,
                                     "the attempt could not be started",
                                     "Check this machine's memory"},
                [REASON_RELOADED] = {"reloaded", REASON_CLASS_NETWORK,
                                     "the configuration of the connection was changed", ""},
                [REASON_STOPPED] = {"stopped", REASON_CLASS_NETWORK, "the daemon is stopping", ""},
};

static const ReasonInfo *info(Reason reason) {
        assert(reason < _REASON_MAX);
        return &table[reason];
}

const char *reason_word(Reason reason) {
        return info(reason)->word;
}

const char *reason_phrase(Reason reason) {
        return info(reason)->phrase;
}

const char *reason_advice(Reason reason) {
        return info(reason)->advice;
}

ReasonClass reason_class(Reason reason) {
        return info(reason)->class;
}

Reason reason_from_connack(int code) {
        switch (code) {
        case 1:
                return REASON_REFUSED_PROTOCOL;
        case 2:
                return REASON_REFUSED_CLIENT_ID;
        case 3:
                return REASON_REFUSED_UNAVAILABLE;
        case 4:
                return REASON_REFUSED_CREDENTIALS;
        case 5:
                return REASON_REFUSED_NOT_AUTHORIZED;
        default:
                return REASON_REFUSED_OTHER;
        }
}
