"""One entry on the standard suite, beside the zoo's own: trained, timed, and told in a row of figures."""
