/** How the process that holds a detached session is called among processes, and knows that it is one (argv[0]). */
export const KEEPER_NAME = 'pinfold-keeper';
