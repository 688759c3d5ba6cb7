/* Passwords and tokens: how they are made, and what is kept of them. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* Hash of a password with its parameters and salt (argon2id, RFC 9106). g_free() */
char *secret_hash_password(const char *password, GError **error);
/* hash NULL takes as long as a real one and is never right: who asks cannot tell from the time
 * whether there is such a user. */
bool secret_check_password(const char *hash, const char *password);

/* Whether two texts are the same, in a time that does not depend on where they differ. */
bool secret_equal(const char *a, const char *b);
/* A token that nobody guesses: prefix and 43 characters for 256 random bits. g_free() */
char *secret_token_new(const char *prefix);
/* What is kept of a token, and of a request: SHA-256 in hexadecimal digits. g_free() */
char *secret_digest(const void *data, gsize len);
