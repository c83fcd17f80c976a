/*
 * The command line, read by the tables of commands.c.  Options may stand
 * anywhere; "--" ends them, and a negative number is an operand.
 */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "config.h"
#include "ctl/ctl.h"
#include "sys/exit.h"

struct parse {
	struct ctl *ctl;
	const struct command *cmd; /* once known */
	char **argv;
	int argc, at;
	bool ended; /* "--" was seen */
};

static bool
is_option(const struct parse *p, const char *word)
{
	return !p->ended && word[0] == '-' && word[1] != '\0' &&
	       !isdigit((unsigned char)word[1]) && word[1] != '.';
}

static const struct option_row *
find_in(const struct option_row *const *rows, const char *name, size_t len,
    char letter)
{
	for (; *rows != NULL; rows++) {
		if (letter != 0 ? (*rows)->letter == letter
				: strlen((*rows)->name) == len &&
				      memcmp((*rows)->name, name, len) == 0)
			return *rows;
	}
	return NULL;
}

static const struct option_row *
find_option(const struct parse *p, const char *name, size_t len, char letter)
{
	const struct option_row *row =
	    find_in(global_options, name, len, letter);

	if (row == NULL && p->cmd != NULL)
		row = find_in(p->cmd->options, name, len, letter);
	return row;
}

static void
unknown_option(const struct parse *p, const char *word)
{
	const char *names[32], *near;
	size_t n = 0;

	for (size_t i = 0; global_options[i] != NULL; i++)
		names[n++] = global_options[i]->name;
	for (size_t i = 0; p->cmd != NULL && p->cmd->options[i] != NULL; i++)
		names[n++] = p->cmd->options[i]->name;
	near = word[1] == '-' ? mu_text_nearest(word + 2, names, n) : NULL;
	complain("%s%sno option %s%s%s%s", p->cmd == NULL ? "" : p->cmd->name,
	    p->cmd == NULL ? "" : ": ", word,
	    near == NULL ? "" : " (did you mean --", near == NULL ? "" : near,
	    near == NULL ? "" : "?)");
}

/*
 * Is the next word the second argument of an option that may do without?  It
 * is where it can be nothing else: behind the operands, as in "publish EVENT
 * --rr POOL KEY", or in front of "--", as in "publish --rr POOL KEY -- EVENT".
 */
static bool
second_follows(const struct parse *p)
{
	if (p->at == p->argc || is_option(p, p->argv[p->at]))
		return false;
	return p->ctl->nargs > 0 ||
	       (p->at + 1 < p->argc && strcmp(p->argv[p->at + 1], "--") == 0);
}

static bool
set_second(struct parse *p, const struct option_row *row)
{
	if (row->may_end && !second_follows(p))
		return true;
	if (p->at == p->argc) {
		complain("--%s wants two arguments: %s", row->name, row->arg);
		return false;
	}
	*(char **)((char *)p->ctl + row->second) = p->argv[p->at++];
	return true;
}

static bool
set_option(struct parse *p, const struct option_row *row, char *value)
{
	void *at = (char *)p->ctl + row->offset;

	if (row->arg == NULL) {
		if (value != NULL) {
			complain("--%s takes no argument", row->name);
			return false;
		}
		*(bool *)at = true;
		return true;
	}
	if (value == NULL && p->at < p->argc)
		value = p->argv[p->at++];
	if (value == NULL) {
		complain("--%s wants an argument: %s", row->name, row->arg);
		return false;
	}
	*(char **)at = value;
	return row->second == 0 || set_second(p, row);
}

/* --name, --name=value, -x, -xVALUE, -xy */
static bool
take_option(struct parse *p, char *word)
{
	const struct option_row *row;
	size_t len;

	if (word[1] == '-') {
		len = strcspn(word + 2, "=");
		row = find_option(p, word + 2, len, 0);
		if (row == NULL) {
			unknown_option(p, word);
			return false;
		}
		return set_option(
		    p, row, word[2 + len] == '=' ? word + 3 + len : NULL);
	}
	for (char *c = word + 1; *c != '\0'; c++) {
		row = find_option(p, NULL, 0, *c);
		if (row == NULL) {
			char one[3] = { '-', *c, '\0' };

			unknown_option(p, one);
			return false;
		}
		if (row->arg != NULL)
			return set_option(p, row, c[1] == '\0' ? NULL : c + 1);
		set_option(p, row, NULL);
	}
	return true;
}

/* The first word that is no option names the command. */
static bool
take_command(struct parse *p, char *word)
{
	int nwords;
	char *second = p->at < p->argc ? p->argv[p->at] : NULL;

	p->cmd = command_find(word, second, &nwords);
	if (p->cmd == NULL)
		return false;
	if (nwords == 2)
		p->at++;
	return true;
}

static bool
take_all(struct parse *p)
{
	while (p->at < p->argc) {
		char *word = p->argv[p->at++];

		if (!p->ended && strcmp(word, "--") == 0)
			p->ended = true;
		else if (is_option(p, word)) {
			if (!take_option(p, word))
				return false;
		} else if (p->cmd == NULL) {
			if (!take_command(p, word))
				return false;
		} else {
			p->ctl->args[p->ctl->nargs++] = word;
		}
	}
	return true;
}

bool
ctl_parse(struct ctl *c, int argc, char **argv, const struct command **cmd)
{
	struct parse p = { .ctl = c, .argv = argv, .argc = argc, .at = 1 };
	bool good = take_all(&p);

	*cmd = p.cmd;
	return good;
}

/* The others do without a daemon. */
static bool
asks_a_node(const struct command *cmd)
{
	return cmd->run != cmd_check && cmd->run != cmd_schema &&
	       cmd->run != cmd_tls_init && cmd->run != cmd_tls_issue &&
	       cmd->run != cmd_tls_show && cmd->run != cmd_completion;
}

static int
run(struct ctl *c, const struct command *cmd)
{
	int n = c->nargs;

	if (c->version) {
		printf("musterctl %s\n", PACKAGE_VERSION);
		return EXIT_OK;
	}
	if (c->help) {
		if (cmd == NULL)
			help_all();
		else
			help_command(cmd);
		return EXIT_OK;
	}
	if (cmd == NULL) {
		complain("no command (musterctl --help lists them)");
		return EXIT_USAGE;
	}
	if (n < cmd->min || (cmd->max >= 0 && n > cmd->max)) {
		complain("%s%s%s: %s", cmd->name,
		    cmd->operands[0] == '\0' ? "" : " ", cmd->operands,
		    n < cmd->min ? "an operand is missing"
				 : "too many operands");
		return EXIT_USAGE;
	}
	if (asks_a_node(cmd)) {
		int status = find_run_directory(c);

		if (status != EXIT_OK)
			return status;
	}
	return cmd->run(c);
}

int
ctl_main(int argc, char **argv)
{
	struct ctl ctl = { .args = calloc((size_t)argc + 1, sizeof(char *)) };
	const struct command *cmd;
	int status = EXIT_USAGE;

	/* A reader or a daemon that went away is an error to be told, not a
	 * signal to die of. */
	signal(SIGPIPE, SIG_IGN);
	if (ctl.args == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	if (ctl_parse(&ctl, argc, argv, &cmd))
		status = finish(run(&ctl, cmd));
	mu_free(ctl.run_dir);
	free(ctl.args);
	return status;
}
