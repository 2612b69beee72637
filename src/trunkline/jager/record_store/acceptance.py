"""Which public parameters and credential periods the record store accepts now."""

from trunkline.errors import ConfigurationError, GrantError, InputError
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.parameters import PublicParameters


class Acceptance:
    """The public parameters that this store knows; each is accepted while it is valid."""

    def __init__(self, known: ParameterSet, store_id: bytes, public_key: bytes) -> None:
        """Check that this store stands in all parameters with its key.

        Raises:
            ConfigurationError: It does not.
        """
        for parameters in known:
            try:
                listed = parameters.store(store_id).key
            except InputError as error:
                raise ConfigurationError(
                    "the public parameters do not name this record store's id"
                ) from error
            if listed != public_key:
                raise ConfigurationError("the public parameters name another key for this record store")
        self.newest = known.current
        self._known = known

    def by_reference(self, reference: bytes, now: float) -> PublicParameters | None:
        """Return the parameters of a record's 8-byte reference if they are valid now, or None."""
        return _valid(self._known.by_ref(reference), now)

    def of_grant(self, params_hash: bytes, now: float) -> PublicParameters:
        """Return the parameters of a grant.

        Raises:
            GrantError: They are unknown or not valid now.
        """
        parameters = _valid(self._known.by_hash(params_hash), now)
        if parameters is None:
            raise GrantError("the grant belongs to public parameters that are not in force here")
        return parameters


def _valid(parameters: PublicParameters | None, now: float) -> PublicParameters | None:
    if parameters is None or not parameters.not_before <= now < parameters.not_after:
        return None
    return parameters
