/*
 * Completion for bash and zsh, written from the tables of commands.c: the
 * files of conf/completion are this program's output.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "sys/exit.h"

/* Words of a closed set, or NULL. */
static const char *const *
closed_set(enum complete kind)
{
	static const char *const shells[] = { "bash", "zsh", NULL };
	static const char *const types[] = { "boolean", "count", "integer",
		"real", "string", "address", "subnet", "port", "timestamp",
		"timespan", "enum-value", "set", "table", "vector", NULL };

	switch (kind) {
	case COMPLETE_CONDITION:
		return condition_names;
	case COMPLETE_LEVEL:
		return level_names;
	case COMPLETE_LOG_FORMAT:
		return log_format_names;
	case COMPLETE_SHELL:
		return shells;
	case COMPLETE_OPERATION:
		return store_operation_names;
	case COMPLETE_POOL:
		return pool_names;
	case COMPLETE_ID_OPERATION:
		return id_operation_names;
	case COMPLETE_POOL_OPERATION:
		return pool_operation_names;
	case COMPLETE_TYPE:
		return types;
	default:
		return NULL;
	}
}

static void
print_words(const char *const *words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		printf("%s%s", i == 0 ? "" : " ", words[i]);
}

/* Is it the first command that begins with its word? */
static bool
is_first(size_t i)
{
	size_t len = strcspn(commands[i].name, " ");

	for (size_t k = 0; k < i; k++)
		if (strcspn(commands[k].name, " ") == len &&
		    memcmp(commands[k].name, commands[i].name, len) == 0)
			return false;
	return true;
}

/* Is it the first of those whose name is that word and another one? */
static bool
begins_pairs(size_t i)
{
	return strchr(commands[i].name, ' ') != NULL && is_first(i);
}

/* The first words of commands, each once. */
static void
print_names(void)
{
	for (size_t i = 0; i < ncommands; i++)
		if (is_first(i))
			printf("%s%.*s", i == 0 ? "" : " ",
			    (int)strcspn(commands[i].name, " "),
			    commands[i].name);
}

/* The second words of those that begin with the word of command i. */
static void
print_seconds(size_t i)
{
	size_t len = strcspn(commands[i].name, " ");

	for (size_t k = i; k < ncommands; k++)
		if (strncmp(commands[k].name, commands[i].name, len + 1) == 0)
			printf("%s%s", k == i ? "" : " ",
			    commands[k].name + len + 1);
}

static void
print_options(const struct option_row *const *rows)
{
	for (; *rows != NULL; rows++)
		printf(" --%s", (*rows)->name);
}

/* --- bash ------------------------------------------------------------ */

static void
bash_completer(enum complete kind)
{
	const char *const *words = closed_set(kind);

	if (words != NULL) {
		printf("COMPREPLY=($(compgen -W '");
		print_words(words);
		printf("' -- \"$cur\"))");
	} else if (kind == COMPLETE_FILE) {
		printf("COMPREPLY=($(compgen -f -- \"$cur\"))");
	} else if (kind == COMPLETE_DIRECTORY) {
		printf("COMPREPLY=($(compgen -d -- \"$cur\"))");
	} else if (kind == COMPLETE_NODE) {
		printf("_musterctl_nodes");
	} else {
		printf("COMPREPLY=()");
	}
}

/* "-x|--name" of options that take an argument. */
static void
bash_with_arguments(const struct option_row *const *rows)
{
	const char *between = "";

	for (; *rows != NULL; rows++) {
		if ((*rows)->arg == NULL)
			continue;
		printf("%s-%c|--%s", between, (*rows)->letter, (*rows)->name);
		between = "|";
	}
}

/* Cases for the word after an option that takes an argument. */
static void
bash_arguments(const struct option_row *const *rows)
{
	for (; *rows != NULL; rows++) {
		if ((*rows)->arg == NULL)
			continue;
		printf("\t--%s%s%.1s) ", (*rows)->name,
		    (*rows)->letter == 0 ? "" : "|-", &(*rows)->letter);
		bash_completer((*rows)->complete);
		printf("; return;;\n");
	}
}

/* Rows of all commands, each option once. */
static void
bash_command_arguments(void)
{
	const struct option_row *seen[64];
	size_t n = 0;

	for (size_t i = 0; i < ncommands; i++) {
		const struct option_row *const *o = commands[i].options;

		for (; *o != NULL; o++) {
			const struct option_row *one[] = { *o, NULL };
			bool known = false;

			for (size_t k = 0; k < n; k++)
				known = known ||
					strcmp(seen[k]->name, (*o)->name) == 0;
			if (known || n == sizeof seen / sizeof seen[0])
				continue;
			seen[n++] = *o;
			bash_arguments(one);
		}
	}
}

void
completion_bash(void)
{
	printf("# bash completion for musterctl, written by "
	       "\"musterctl completion bash\"\n"
	       "_musterctl_nodes() {\n"
	       "\tlocal i dir=/run/muster\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\t[[ ${COMP_WORDS[i]} == @(-r|--root) ]] && "
	       "dir=${COMP_WORDS[i+1]}$dir\n"
	       "\tdone\n"
	       "\tCOMPREPLY=($(compgen -W \"$(ls \"$dir\" 2>/dev/null | "
	       "sed -n 's/\\.sock$//p')\" -- \"$cur\"))\n"
	       "}\n"
	       "_musterctl() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
	       "prev=${COMP_WORDS[COMP_CWORD-1]} cmd= i\n"
	       "\tcase $prev in\n");
	bash_arguments(global_options);
	bash_command_arguments();
	printf("\tesac\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in\n\t\t");
	bash_with_arguments(global_options);
	printf(") ((i++));;\n"
	       "\t\t-*) ;;\n"
	       "\t\t*) cmd=${cmd:+$cmd }${COMP_WORDS[i]};;\n"
	       "\t\tesac\n"
	       "\tdone\n"
	       "\tlocal options='");
	for (size_t i = 0; global_options[i] != NULL; i++)
		printf("%s--%s", i == 0 ? "" : " ", global_options[i]->name);
	printf("'\n\tcase $cmd in\n"
	       "\t'') if [[ $cur == -* ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	       "\telse\n\t\tCOMPREPLY=($(compgen -W '");
	print_names();
	printf("' -- \"$cur\"))\n\tfi;;\n");
	for (size_t i = 0; i < ncommands; i++) {
		if (!begins_pairs(i))
			continue;
		printf("\t%.*s) COMPREPLY=($(compgen -W '",
		    (int)strcspn(commands[i].name, " "), commands[i].name);
		print_seconds(i);
		printf("' -- \"$cur\"));;\n");
	}
	for (size_t i = 0; i < ncommands; i++) {
		printf("\t'%s'*) if [[ $cur == -* ]]; then\n"
		       "\t\tCOMPREPLY=($(compgen -W \"$options",
		    commands[i].name);
		print_options(commands[i].options);
		printf("\" -- \"$cur\"))\n\telse ");
		bash_completer(commands[i].complete);
		printf("; fi;;\n");
	}
	printf("\tesac\n}\ncomplete -F _musterctl musterctl\n");
}

/* --- zsh ------------------------------------------------------------- */

/* Text inside '...' inside [...]: the few signs that mean something. */
static void
zsh_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			printf("'\\''");
		else if (strchr("[]:\\", *s) != NULL)
			printf("\\%c", *s);
		else
			putchar(*s);
	}
}

static void
zsh_action(enum complete kind)
{
	const char *const *words = closed_set(kind);

	if (words != NULL) {
		putchar('(');
		print_words(words);
		putchar(')');
	} else if (kind == COMPLETE_FILE) {
		printf("_files");
	} else if (kind == COMPLETE_DIRECTORY) {
		printf("_files -/");
	} else if (kind == COMPLETE_NODE) {
		printf("_musterctl_nodes");
	} else {
		putchar(' ');
	}
}

/* "KEY", or "[KEY]" when it may be left out. */
static void
zsh_second(const char *arg)
{
	if (arg[0] == '[')
		printf("::%.*s: ", (int)strcspn(arg + 1, "]"), arg + 1);
	else
		printf(":%s: ", arg);
}

static void
zsh_option(const struct option_row *o, const char *dashes, const char *name)
{
	printf(" \\\n\t\t'%s%s[", dashes, name);
	zsh_text(o->about);
	printf("]");
	if (o->arg != NULL) {
		printf(":%.*s:", (int)strcspn(o->arg, " "), o->arg);
		zsh_action(o->complete);
		if (o->second != 0)
			zsh_second(strchr(o->arg, ' ') + 1);
	}
	printf("'");
}

static void
zsh_options(const struct option_row *const *rows)
{
	for (; *rows != NULL; rows++) {
		char letter[2] = { (*rows)->letter, '\0' };

		if (letter[0] != '\0')
			zsh_option(*rows, "-", letter);
		zsh_option(*rows, "--", (*rows)->name);
	}
}

void
completion_zsh(void)
{
	printf("#compdef musterctl\n"
	       "# zsh completion for musterctl, written by "
	       "\"musterctl completion zsh\"\n"
	       "_musterctl_nodes() {\n"
	       "\tlocal dir=${opt_args[-r]:-${opt_args[--root]}}/run/muster\n"
	       "\tcompadd -- ${dir}/*.sock(N:t:r)\n"
	       "}\n"
	       "_musterctl() {\n"
	       "\tlocal curcontext=$curcontext state line cmd\n"
	       "\ttypeset -A opt_args\n"
	       "\t_arguments -C -S");
	zsh_options(global_options);
	printf(" \\\n\t\t'1:command:(");
	print_names();
	printf(")' \\\n\t\t'*::operand:->operands'\n"
	       "\t[[ $state == operands ]] || return\n"
	       "\tcmd=$line[1]\n");
	for (size_t i = 0; i < ncommands; i++) {
		if (!begins_pairs(i))
			continue;
		printf("\tif [[ $cmd == %.*s ]]; then\n"
		       "\t\tif (( CURRENT == 2 )); then compadd ",
		    (int)strcspn(commands[i].name, " "), commands[i].name);
		print_seconds(i);
		printf("; return; fi\n\t\tcmd=\"$cmd $words[2]\"\n"
		       "\t\tshift words; (( CURRENT-- ))\n\tfi\n");
	}
	printf("\tcase $cmd in\n");
	for (size_t i = 0; i < ncommands; i++) {
		printf("\t'%s') _arguments", commands[i].name);
		zsh_options(commands[i].options);
		zsh_options(global_options);
		if (commands[i].max != 0) {
			printf(" \\\n\t\t'*:operand:");
			zsh_action(commands[i].complete);
			printf("'");
		}
		printf(";;\n");
	}
	printf("\tesac\n}\n_musterctl \"$@\"\n");
}

int
cmd_completion(struct ctl *c)
{
	if (strcmp(c->args[0], "bash") == 0) {
		completion_bash();
	} else if (strcmp(c->args[0], "zsh") == 0) {
		completion_zsh();
	} else {
		complain("no completion for %s (bash, zsh)", c->args[0]);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}
