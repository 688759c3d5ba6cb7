/* Shell completions, from the command table. */
#include <string.h>

#include "cli/cli.h"

/* The commands of two words come in groups ("db import": "db"), which are not commands themselves.
 */
static char *group_of(const struct cli_command *c)
{
    const char *blank = strchr(c->name, ' ');
    return blank != NULL ? g_strndup(c->name, (size_t)(blank - c->name)) : NULL;
}

/* char *, each once, in order of the table. */
static GPtrArray *groups(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        char *group = (*c)->hidden ? NULL : group_of(*c);
        if (group != NULL && !g_ptr_array_find_with_equal_func(list, group, g_str_equal, NULL))
            g_ptr_array_add(list, group);
        else
            g_free(group);
    }
    return list;
}

typedef void (*command_func)(FILE *out, const struct cli_command *c, const char *word);

/* The commands of a group, or with NULL those of one word. word is the last of the name. */
static void each_command(FILE *out, const char *group, command_func func)
{
    for (const struct cli_command *const *c = cli_commands; *c != NULL; c++) {
        g_autofree char *in = group_of(*c);
        if (!(*c)->hidden && g_strcmp0(in, group) == 0)
            func(out, *c, in != NULL ? (*c)->name + strlen(in) + 1 : (*c)->name);
    }
}

/* Within single quotes of a shell, and in zsh's brackets. */
static char *quotable(const char *text)
{
    return g_strdelimit(g_strdup(text != NULL ? text : ""), "'[]:\\", ' ');
}

typedef void (*option_func)(FILE *out, const GOptionEntry *e, const char *description, void *user);

static void each_option(FILE *out, const struct cli_command *c, option_func func, void *user)
{
    for (const GOptionEntry *const *o = c->options; o != NULL && *o != NULL; o++) {
        for (const GOptionEntry *e = *o; e->long_name != NULL; e++) {
            g_autofree char *description = quotable(e->description);
            if (*e->long_name != '\0' && !(e->flags & G_OPTION_FLAG_HIDDEN))
                func(out, e, description, user);
        }
    }
    const GOptionEntry help = { .long_name = "help" };
    func(out, &help, "Explain the command", user);
}

/* --- bash ------------------------------------------------------------------------------------- */

static void bash_word(FILE *out, const struct cli_command *c, const char *word)
{
    (void)fprintf(out, "%s ", word);
}

static void bash_option(FILE *out, const GOptionEntry *e, const char *description, void *user)
{
    (void)fprintf(out, "--%s ", e->long_name);
}

static void bash_case(FILE *out, const struct cli_command *c, const char *word)
{
    (void)fprintf(out, word == c->name ? "    \"%s \"*) words='" : "    '%s') words='", c->name);
    each_option(out, c, bash_option, NULL);
    (void)fputs("' ;;\n", out);
}

static void completion_bash(FILE *out)
{
    g_autoptr(GPtrArray) names = groups();
    (void)fputs(
        "# bash completion for assay\n_assay() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} one=${COMP_WORDS[1]} two=${COMP_WORDS[2]}\n"
        "    local words=\n    case \"$COMP_CWORD $one\" in\n    '1 '*) words='",
        out);
    each_command(out, NULL, bash_word);
    for (guint i = 0; i < names->len; i++)
        (void)fprintf(out, "%s ", (const char *)names->pdata[i]);
    (void)fputs("' ;;\n", out);
    for (guint i = 0; i < names->len; i++) {
        (void)fprintf(out, "    '2 %s') words='", (const char *)names->pdata[i]);
        each_command(out, names->pdata[i], bash_word);
        (void)fputs("' ;;\n", out);
    }
    (void)fputs("    esac\n    if [[ $words ]]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                "        return\n    fi\n    case \"$one $two\" in\n",
                out);
    for (guint i = 0; i < names->len; i++)
        each_command(out, names->pdata[i], bash_case);
    each_command(out, NULL, bash_case);
    (void)fputs("    esac\n    if [[ $cur == -* ]]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                "    else\n        compopt -o filenames 2>/dev/null\n"
                "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n    fi\n}\n"
                "complete -F _assay assay\n",
                out);
}

/* --- zsh -------------------------------------------------------------------------------------- */

static void zsh_word(FILE *out, const struct cli_command *c, const char *word)
{
    g_autofree char *summary = quotable(c->summary);
    (void)fprintf(out, "'%s:%s' ", word, summary);
}

static void zsh_option(FILE *out, const GOptionEntry *e, const char *description, void *user)
{
    (void)fprintf(out, "'--%s[%s]%s' ", e->long_name, description,
                  e->arg_description == NULL ? ""
                  : e->arg == G_OPTION_ARG_FILENAME || e->arg == G_OPTION_ARG_FILENAME_ARRAY
                      ? ":file:_files"
                      : ":value: ");
}

static void zsh_case(FILE *out, const struct cli_command *c, const char *word)
{
    (void)fprintf(out, "    %s) _arguments ", word);
    each_option(out, c, zsh_option, NULL);
    (void)fputs("'*:file:_files' ;;\n", out);
}

static void completion_zsh(FILE *out)
{
    g_autoptr(GPtrArray) names = groups();
    (void)fputs("#compdef assay\n_assay() {\n    local -a commands\n    commands=( ", out);
    each_command(out, NULL, zsh_word);
    for (guint i = 0; i < names->len; i++)
        (void)fprintf(out, "'%s:more commands' ", (const char *)names->pdata[i]);
    (void)fputs(")\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
                "        return\n    fi\n    shift words\n    (( CURRENT-- ))\n",
                out);
    for (guint i = 0; i < names->len; i++) {
        (void)fprintf(out, "    if [[ $words[1] == %s ]]; then\n        commands=( ",
                      (const char *)names->pdata[i]);
        each_command(out, names->pdata[i], zsh_word);
        (void)fputs(")\n        if (( CURRENT == 2 )); then\n"
                    "            _describe command commands\n            return\n        fi\n"
                    "        shift words\n        (( CURRENT-- ))\n        case $words[1] in\n",
                    out);
        each_command(out, names->pdata[i], zsh_case);
        (void)fputs("        esac\n        return\n    fi\n", out);
    }
    (void)fputs("    case $words[1] in\n", out);
    each_command(out, NULL, zsh_case);
    (void)fputs("    esac\n}\n_assay \"$@\"\n", out);
}

/* --- fish ------------------------------------------------------------------------------------- */

static void fish_word(FILE *out, const char *condition, const char *word, const char *summary)
{
    g_autofree char *text = quotable(summary);
    (void)fprintf(out, "complete -c assay -n '%s' -f -a %s -d '%s'\n", condition, word, text);
}

static void fish_option(FILE *out, const GOptionEntry *e, const char *description, void *user)
{
    (void)fprintf(out, "complete -c assay -n '%s' -l %s %s-d '%s'\n", (const char *)user,
                  e->long_name, e->arg_description != NULL ? "-r " : "", description);
}

static void fish_command(FILE *out, const struct cli_command *c, const char *word)
{
    g_autofree char *group = group_of(c);
    g_autofree char *offered =
        group != NULL ? g_strdup_printf("__fish_seen_subcommand_from %s; and test (count "
                                        "(commandline -opc)) -eq 2",
                                        group)
                      : g_strdup("__fish_use_subcommand");
    g_autofree char *given = g_strdup_printf("__fish_seen_subcommand_from %s", word);
    fish_word(out, offered, word, c->summary);
    each_option(out, c, fish_option, given);
}

static void completion_fish(FILE *out)
{
    g_autoptr(GPtrArray) names = groups();
    each_command(out, NULL, fish_command);
    for (guint i = 0; i < names->len; i++) {
        fish_word(out, "__fish_use_subcommand", names->pdata[i], "More commands");
        each_command(out, names->pdata[i], fish_command);
    }
}

bool cli_print_completion(const char *shell, FILE *out)
{
    if (g_str_equal(shell, "bash"))
        completion_bash(out);
    else if (g_str_equal(shell, "zsh"))
        completion_zsh(out);
    else if (g_str_equal(shell, "fish"))
        completion_fish(out);
    else
        return false;
    return true;
}
