/* The command line of musterd; see options.h. */
#include "node/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "layout/read.h"
#include "sys/file.h"
#include "sys/usage.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

enum { LONG_USER = 256, LONG_VERSION };

static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "foreground", no_argument, NULL, 'd' },
	{ "layout", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "check", no_argument, NULL, 'n' },
	{ "root", required_argument, NULL, 'r' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "user", required_argument, NULL, LONG_USER },
	{ "version", no_argument, NULL, LONG_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const struct usage_row usage[] = {
	{ NULL, "usage: musterd [-adnv] [-f layout] [-r root] [--user name] "
		"[node]" },
	{ NULL, NULL },
	{ NULL, "Run one node of a Muster cluster, or all nodes of this "
		"host." },
	{ NULL, NULL },
	{ "-a, --all", "run every node of this host, supervised" },
	{ "-d, --foreground", "stay in the foreground, messages to standard "
			      "error" },
	{ "-f, --layout FILE", "the layout (default: " OPTIONS_LAYOUT ")" },
	{ "-n, --check", "check the layout and exit: 0, or 78 with mistakes" },
	{ "-r, --root FOLDER", "put state, run and log folders below it" },
	{ "--user NAME", "become this user instead of the layout's" },
	{ "-v, --verbose", "debug messages too" },
	{ "-h, --help", "this text" },
	{ "--version", "the version" },
	{ NULL, NULL },
	{ NULL, "Without a node: $MUSTER_NODE, $CLUSTER_NODE, or the only "
		"node of this host." },
	{ NULL, "Example: musterd -d -f cluster.yaml -r ./root manager" },
};

void
options_usage(FILE *out)
{
	usage_print(out, usage, COUNT(usage));
}

/* What getopt_long did not like, in one line. */
static void
explain(int c, const char *word, char *err, size_t err_size)
{
	const char *names[COUNT(long_options)] = { NULL };
	const char *near = NULL;

	if (c == ':') {
		snprintf(err, err_size, "option %s needs an argument", word);
		return;
	}
	if (strncmp(word, "--", 2) == 0) {
		for (size_t i = 0; i + 1 < COUNT(long_options); i++)
			names[i] = long_options[i].name;
		near = mu_text_nearest(word + 2, names, COUNT(names) - 1);
	} else if (optopt != 0 && optopt < 256) {
		snprintf(err, err_size, "unknown option -%c", optopt);
		return;
	}
	snprintf(err, err_size, "unknown option %s%s%s%s", word,
	    near == NULL ? "" : " (did you mean --", near == NULL ? "" : near,
	    near == NULL ? "" : "?)");
}

static const char *
node_from_environment(void)
{
	static const char *const names[] = { "MUSTER_NODE", "CLUSTER_NODE" };

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return value;
	}
	return NULL;
}

static enum options_result
take_node(struct options *o, int argc, char **argv, char *err, size_t err_size)
{
	if (argc - optind > 1) {
		snprintf(err, err_size,
		    "more than one node: \"%s\" and "
		    "\"%s\" (-a runs all of this host)",
		    argv[optind], argv[optind + 1]);
		return OPTIONS_BAD;
	}
	if (o->all && optind < argc) {
		snprintf(err, err_size,
		    "-a runs all nodes of this host: \"%s\" is too much",
		    argv[optind]);
		return OPTIONS_BAD;
	}
	if (optind < argc)
		o->node = argv[optind];
	else if (!o->all)
		o->node = node_from_environment();
	return OPTIONS_RUN;
}

enum options_result
options_parse(
    struct options *o, int argc, char **argv, char *err, size_t err_size)
{
	int c;

	*o = (struct options){ .layout = OPTIONS_LAYOUT, .root = "" };
	optind = 0; /* glibc: begin anew */
	opterr = 0;
	while ((c = getopt_long(
		    argc, argv, ":adf:hnr:v", long_options, NULL)) != -1) {
		switch (c) {
		case 'a':
			o->all = true;
			break;
		case 'd':
			o->foreground = true;
			break;
		case 'f':
			o->layout = optarg;
			break;
		case 'h':
			return OPTIONS_HELP;
		case 'n':
			o->check = true;
			break;
		case 'r':
			o->root = optarg;
			break;
		case 'v':
			o->verbose = true;
			break;
		case LONG_USER:
			o->user = optarg;
			break;
		case LONG_VERSION:
			return OPTIONS_VERSION;
		default:
			explain(c, argv[optind - 1], err, err_size);
			return OPTIONS_BAD;
		}
	}
	return take_node(o, argc, argv, err, err_size);
}

struct mu_layout *
options_read_again(const struct options *o, struct mu_diags *diags)
{
	static const struct mu_place nowhere = { 0, 0 };

	if (file_is_fifo(o->layout)) {
		mu_diags_add(diags, nowhere,
		    "layout: is a fifo (a reload wants a file)");
		return NULL;
	}
	return mu_layout_load(o->layout, diags);
}
