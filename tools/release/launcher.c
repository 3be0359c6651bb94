/* The interpreter of the self-contained executable: CPython, linked statically, that reads all
 * its modules from the archive at the end of its own file.
 *
 * It is isolated: no environment variable, no folder of the host and no site configuration has a
 * say in what is imported. EXTENSIONS is given by the build: EXTENSION(name, function) for each
 * extension module that is linked in. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <sys/resource.h>

/* The open file of the running process, not its name: the file may be replaced by a newer
 * release while this one still imports from it. */
#define SELF L"/proc/self/exe"

/* How much a launched plugin goes before others. The runtime waits for its registration and for each
 * of its answers; at a boot, when everything starts at once, it may be the only one in the way. */
#define LAUNCHED_NICE (-10)

#define EXTENSION(name, function) PyMODINIT_FUNC function(void);
EXTENSIONS
#undef EXTENSION

#define EXTENSION(name, function) {name, function},
static struct _inittab linked[] = {EXTENSIONS{NULL, NULL}};
#undef EXTENSION

static void check(PyStatus status)
{
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
}

int main(int argc, char **argv)
{
    if (getenv("NRI_PLUGIN_SOCKET") != NULL) {
        /* Without the right to do so it starts as it is. */
        (void)setpriority(PRIO_PROCESS, 0, LAUNCHED_NICE);
    }

    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1; /* a launched plugin has no locale */
    check(Py_PreInitialize(&before));
    if (PyImport_ExtendInittab(linked) < 0) {
        return 1;
    }

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.parse_argv = 0; /* all arguments are the program's */
    config.site_import = 0;
    config.write_bytecode = 0;
    config.install_signal_handlers = 1; /* SIGPIPE must not end the process */
    config.module_search_paths_set = 1;
    check(PyWideStringList_Append(&config.module_search_paths, SELF));
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    /* Without these CPython looks for an installation around the executable. */
    check(PyConfig_SetString(&config, &config.executable, SELF));
    check(PyConfig_SetString(&config, &config.prefix, L""));
    check(PyConfig_SetString(&config, &config.exec_prefix, L""));
    check(PyConfig_SetString(&config, &config.base_prefix, L""));
    check(PyConfig_SetString(&config, &config.base_exec_prefix, L""));
    check(PyConfig_SetString(&config, &config.run_command, L"import entry"));
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    return Py_RunMain();
}
