/* Sends one e-mail through a server that the administrator has named. Any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct smtp_server {
    const char *url; /* "smtp://HOST[:PORT]" (STARTTLS, unless plain), "smtps://HOST[:PORT]" */
    bool plain;      /* smtp:// without TLS */
    const char *user, *password; /* NULL: without logging in */
    const char *ca_file;         /* certificates that vouch for it; NULL: the system's */
    unsigned seconds;            /* for all of it; 0: 30 */
};
/* Header and text, lines that end with CRLF. Either all recipients are accepted by the server or
 * none gets it; errors tell what the server said, and none of the secrets. */
bool smtp_send(const struct smtp_server *server, const char *from, const char *const *to,
               const char *message, size_t len, GError **error);
/* One address, "user@host.example", of those that need no quoting: nothing in it can end a line, or
 * a command of SMTP. */
bool smtp_address_valid(const char *address, GError **error);
