#include "greet.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *language;
    const char *phrase;
} phrases[] = {
#include "phrases.inc"
};

unsigned greet_languages(void)
{
    return sizeof phrases / sizeof phrases[0];
}

const char *greet_language(unsigned position)
{
    return position < greet_languages() ? phrases[position].language : NULL;
}

const char *greet_phrase(const char *language)
{
    for (unsigned i = 0; i < greet_languages(); i++)
        if (strcmp(phrases[i].language, language) == 0)
            return phrases[i].phrase;
    return NULL;
}
