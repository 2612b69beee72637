"""Which public parameters and credential periods the record store accepts now."""

from collections.abc import Sequence

from trunkline.errors import ConfigurationError, GrantError, InputError
from trunkline.jager.messages.parameters import PublicParameters


class Acceptance:
    """The public parameters that this store knows; each is accepted while it is valid."""

    def __init__(self, known: Sequence[PublicParameters], store_id: bytes, public_key: bytes) -> None:
        """Check that this store stands in all parameters with its key.

        Raises:
            ConfigurationError: It does not, or the parameters are of different deployments.
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
        if len({parameters.deployment for parameters in known}) != 1:
            raise ConfigurationError("the public parameters belong to different deployments")
        self.newest = known[0]
        self._by_hash = {parameters.hash: parameters for parameters in known}
        self._by_ref = {parameters.ref: parameters for parameters in known}

    def by_reference(self, reference: bytes, now: float) -> PublicParameters | None:
        """Return the parameters of a record's 8-byte reference if they are valid now, or None."""
        return _valid(self._by_ref.get(reference), now)

    def of_grant(self, params_hash: bytes, now: float) -> PublicParameters:
        """Return the parameters of a grant.

        Raises:
            GrantError: They are unknown or not valid now.
        """
        parameters = _valid(self._by_hash.get(params_hash), now)
        if parameters is None:
            raise GrantError("the grant belongs to public parameters that are not in force here")
        return parameters


def _valid(parameters: PublicParameters | None, now: float) -> PublicParameters | None:
    if parameters is None or not parameters.not_before <= now < parameters.not_after:
        return None
    return parameters
