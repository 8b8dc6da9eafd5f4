#ifndef GREET_H
#define GREET_H

/* The greeting in a language ("en", "fr", ...), or NULL for one that is not in the phrasebook. */
const char *greet_phrase(const char *language);

/* The number of languages, and the one at a position below it. */
unsigned greet_languages(void);
const char *greet_language(unsigned position);

#endif
