"""Which reader and which assembler a source's format needs."""

from trunkline.telephony.assembly import Assembler
from trunkline.telephony.dialogs import DialogAssembler
from trunkline.telephony.readers.accounting import AccountingReader
from trunkline.telephony.readers.asterisk import AsteriskReader
from trunkline.telephony.readers.base import Reader
from trunkline.telephony.readers.field_map import FieldMapReader
from trunkline.telephony.readers.freeswitch import FreeswitchCsvReader, FreeswitchJsonReader
from trunkline.telephony.source import CdrSource


def reader_of(source: CdrSource) -> Reader:
    """Return the reader of a source.

    Raises:
        ConfigurationError: The source's options do not fit its format.
    """
    match source.format:
        case "asterisk-csv" | "asterisk-custom":
            return AsteriskReader(source)
        case "freeswitch-csv":
            return FreeswitchCsvReader(source)
        case "freeswitch-json":
            return FreeswitchJsonReader(source)
        case "field-map":
            return FieldMapReader(source)
        case _:
            return AccountingReader(source)


def assembler_of(source: CdrSource) -> Assembler:
    """Return the assembler of a source."""
    if source.format.startswith(("kamailio", "opensips")):
        return DialogAssembler(source)
    return Assembler(source)
