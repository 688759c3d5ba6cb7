#include "cli/password.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"

#define PASSWORD_MAX 1024

static char *line_of(FILE *in, const char *where, GError **error)
{
    char text[PASSWORD_MAX + 2];
    if (fgets(text, sizeof text, in) == NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s: no password", where);
        return NULL;
    }
    size_t len = strcspn(text, "\r\n");
    if (len > PASSWORD_MAX) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s: longer than %d bytes", where, PASSWORD_MAX);
        return NULL;
    }
    return g_strndup(text, len);
}

char *password_read(const char *file, const char *prompt, GError **error)
{
    struct termios shown, hidden;
    if (file != NULL) {
        FILE *in = fopen(file, "re");
        if (in == NULL) {
            (void)fail_errno(error, errno, "%s", file);
            return NULL;
        }
        char *password = line_of(in, file, error);
        (void)fclose(in);
        return password;
    }
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (terminal) {
        (void)fprintf(stderr, "%s: ", prompt);
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    char *password = line_of(stdin, "standard input", error);
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        (void)fputc('\n', stderr);
    }
    return password;
}
