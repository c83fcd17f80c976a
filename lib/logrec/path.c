/*
 * Names: the path that Zeek derives from a stream's id and back (reference
 * "cluster-semantics", 4.1), and columns from a list on the command line.
 */
#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "logrec/reader.h"
#include "muster/err.h"

/* Streams of Zeek whose paths are given by hand in its scripts, or whose names
 * the rule cannot give back. */
static const struct {
	const char *path;
	const char *stream;
} known[] = {
	{ "analyzer", "Analyzer::Logging::LOG" },
	{ "dce_rpc", "DCE_RPC::LOG" },
	{ "dhcp", "DHCP::LOG" },
	{ "dnp3", "DNP3::LOG" },
	{ "dns", "DNS::LOG" },
	{ "ftp", "FTP::LOG" },
	{ "http", "HTTP::LOG" },
	{ "irc", "IRC::LOG" },
	{ "kerberos", "KRB::LOG" },
	{ "known_certs", "Known::CERTS_LOG" },
	{ "known_devices", "Known::DEVICES_LOG" },
	{ "known_hosts", "Known::HOSTS_LOG" },
	{ "known_modbus", "Known::MODBUS_LOG" },
	{ "known_services", "Known::SERVICES_LOG" },
	{ "ldap", "LDAP::LDAP_LOG" },
	{ "ldap_search", "LDAP::LDAP_SEARCH_LOG" },
	{ "mqtt_connect", "MQTT::CONNECT_LOG" },
	{ "mqtt_publish", "MQTT::PUBLISH_LOG" },
	{ "mqtt_subscribe", "MQTT::SUBSCRIBE_LOG" },
	{ "mysql", "mysql::LOG" },
	{ "netcontrol", "NetControl::LOG" },
	{ "notice_alarm", "Notice::ALARM_LOG" },
	{ "ntlm", "NTLM::LOG" },
	{ "ntp", "NTP::LOG" },
	{ "ocsp", "OCSP::LOG" },
	{ "openflow", "OpenFlow::LOG" },
	{ "pe", "PE::LOG" },
	{ "postgresql", "PostgreSQL::LOG" },
	{ "quic", "QUIC::LOG" },
	{ "radius", "RADIUS::LOG" },
	{ "rdp", "RDP::LOG" },
	{ "rfb", "RFB::LOG" },
	{ "sip", "SIP::LOG" },
	{ "smb_cmd", "SMB::CMD_LOG" },
	{ "smb_files", "SMB::FILES_LOG" },
	{ "smb_mapping", "SMB::MAPPING_LOG" },
	{ "smtp", "SMTP::LOG" },
	{ "snmp", "SNMP::LOG" },
	{ "socks", "SOCKS::LOG" },
	{ "ssh", "SSH::LOG" },
	{ "ssl", "SSL::LOG" },
	{ "websocket", "WebSocket::LOG" },
	{ "x509", "X509::LOG" },
};

/* X::LOG: the module, CamelCase split by underscores. */
static void
put_module(struct mu_buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (i > 0 && isupper(c) && !isupper((unsigned char)s[i - 1]) &&
		    s[i - 1] != '_')
			mu_buf_u8(b, '_');
		mu_buf_u8(b, (uint8_t)tolower(c));
	}
}

char *
mu_log_path_of(const char *stream)
{
	const char *id = strstr(stream, "::");
	size_t module = id == NULL ? strlen(stream) : (size_t)(id - stream), n;
	struct mu_buf b;
	char *path;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(known[i].stream, stream) == 0)
			return mu_strdup(known[i].path);
	mu_buf_init(&b, 0);
	put_module(&b, stream, module);
	id = id == NULL ? "LOG" : id + 2;
	n = strlen(id);
	if (n > 4 && strcmp(id + n - 4, "_LOG") == 0)
		n -= 4;
	if (strcmp(id, "LOG") != 0) {
		mu_buf_u8(&b, '_');
		for (size_t i = 0; i < n; i++)
			mu_buf_u8(
			    &b, (uint8_t)(id[i] == ':'
					      ? '_'
					      : tolower((unsigned char)id[i])));
	}
	path = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return path;
}

char *
mu_log_stream_of(const char *path)
{
	struct mu_buf b;
	bool upper = true;
	char *stream;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(known[i].path, path) == 0)
			return mu_strdup(known[i].stream);
	mu_buf_init(&b, 0);
	for (const char *s = path; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (!isalnum(c)) {
			upper = true;
			continue;
		}
		mu_buf_u8(&b, (uint8_t)(upper ? toupper(c) : c));
		upper = false;
	}
	if (mu_buf_len(&b) == 0)
		mu_buf_str(&b, "Log");
	mu_buf_str(&b, "::LOG");
	stream = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return stream;
}

int
mu_log_stream_types(
    struct mu_log_stream *s, const char *text, struct mu_log_why *why)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		const char *colon = memrchr(text, ':', len);
		enum mu_log_type type, subtype;
		size_t name;
		int rc;

		if (colon == NULL)
			return mu_log_fail(why, MUSTER_EINVAL,
			    "'%.*s' is not NAME:TYPE",
			    (int)(len > 60 ? 60 : len), text);
		name = (size_t)(colon - text);
		if (!mu_log_type_parse(
			colon + 1, len - name - 1, &type, &subtype))
			return mu_log_fail(why, MUSTER_EINVAL,
			    "field %.*s: there is no type %.*s",
			    (int)(name > 60 ? 60 : name), text,
			    (int)(len - name - 1 > 60 ? 60 : len - name - 1),
			    colon + 1);
		rc = mu_log_stream_add(s, text, name, type, subtype, true, why);
		if (rc != 0)
			return rc;
		text += len + (text[len] == ',');
	}
	return 0;
}
