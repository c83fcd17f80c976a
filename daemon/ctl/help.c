/* Help from the tables of commands.c. */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static void
print_options(const struct option_row *const *rows)
{
	for (; *rows != NULL; rows++) {
		const struct option_row *o = *rows;
		char left[48];
		int n = 0;

		if (o->letter != 0)
			n = snprintf(left, sizeof left, "-%c, ", o->letter);
		snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s", o->name,
		    o->arg == NULL ? "" : " ", o->arg == NULL ? "" : o->arg);
		printf("  %-22s %s\n", left, o->about);
	}
}

void
help_all(void)
{
	printf("usage: musterctl [OPTION ...] COMMAND [OPERAND ...]\n\n"
	       "Talks to a musterd on this host, and prepares layouts and "
	       "keys.\n\ncommands:\n");
	for (size_t i = 0; i < ncommands; i++)
		printf("  %-22s %s\n", commands[i].name, commands[i].about);
	printf("\noptions:\n");
	print_options(global_options);
	printf("\nmusterctl COMMAND --help shows an example.  "
	       "Manual: musterctl(8)\n");
}

void
help_command(const struct command *cmd)
{
	printf("usage: musterctl [OPTION ...] %s%s%s\n\n%s\n", cmd->name,
	    cmd->operands[0] == '\0' ? "" : " ", cmd->operands, cmd->about);
	if (*cmd->options != NULL) {
		printf("\noptions of %s:\n", cmd->name);
		print_options(cmd->options);
	}
	printf("\noptions:\n");
	print_options(global_options);
	printf("\nexample:\n  %s\n", cmd->example);
}
