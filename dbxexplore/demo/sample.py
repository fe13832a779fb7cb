"""Contents of the demo workspace: the lakehouse of a shop that also lends money, with the usual mess.

Plain data and nothing random, so that a test can say exactly what a discovery must find. The emulator takes
ASCII letters, digits and underscores in the names of catalogs, schemas and tables; notebook paths are free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class Column:
    """A column: ``type`` as Databricks writes it."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True)
class Container:
    """A catalog (``catalog`` is empty) or a schema."""

    catalog: str
    name: str
    comment: str = ""

    @property
    def full_name(self) -> str:
        """The raw names joined by dots."""
        return f"{self.catalog}.{self.name}" if self.catalog else self.name


@dataclass(frozen=True)
class Relation:
    """A table or a view, of the type that Databricks gives it."""

    catalog: str
    schema: str
    name: str
    object_type: str
    columns: tuple[Column, ...]
    comment: str = ""
    owner: str = ""

    @property
    def full_name(self) -> str:
        """The raw names joined by dots."""
        return f"{self.catalog}.{self.schema}.{self.name}"

    @property
    def format(self) -> str | None:
        """The data source format, which only tables have."""
        return None if self.object_type in {"VIEW", "MATERIALIZED_VIEW", "METRIC_VIEW"} else "DELTA"

    @property
    def storage_location(self) -> str | None:
        """Where an external table keeps its files."""
        if self.object_type != "EXTERNAL":
            return None
        return f"s3://lakehouse-{self.catalog}/{self.schema}/{self.name}".lower().replace("_", "-")


# --- columns, by the thing that a row is ---


def _columns(text: str) -> tuple[Column, ...]:
    """Read ``name type comment`` lines; the type has no spaces in it."""
    parts = (line.split(maxsplit=2) for line in text.strip().splitlines())
    return tuple(Column(*part) for part in parts)


_COLUMNS = {
    "order": _columns("""
        order_id bigint Unique within a shop, not across shops
        customer_id bigint
        ordered_at timestamp In UTC
        status string One of open, paid, shipped, returned
        total decimal(18,2) In the currency of the shop
        currency string ISO 4217
        lines array<struct<sku:string,quantity:int>>
    """),
    "customer": _columns("""
        customer_id bigint
        email string Personal data: masked outside of this schema
        country string ISO 3166, two letters
        created_at timestamp
        attributes map<string,string>
        is_active boolean
    """),
    "payment": _columns("""
        payment_id string
        order_id bigint
        amount decimal(18,4) Negative for a refund
        currency string
        captured_at timestamp
        fee double
    """),
    "event": _columns("""
        event_id string
        event_type string
        occurred_at timestamp When it happened on the device, not when it arrived
        session_id string
        payload struct<url:string,referrer:string,flags:array<string>> As the client sent it
        ingest_date date
    """),
    "product": _columns("""
        sku string
        title string
        price decimal(10,2)
        weight_kg float
        tags array<string>
    """),
    "ledger": _columns("""
        posting_id bigint
        account string
        booked_on date
        debit decimal(18,2)
        credit decimal(18,2)
        memo string
    """),
    "loan": _columns("""
        loan_id bigint
        customer_id bigint
        principal decimal(18,2)
        rate double Per year, 0.05 is five percent
        opened_on date
        days_past_due int
    """),
    "metric": _columns("""
        day date
        region string
        value double
        sample_size bigint
    """),
    "feature": _columns("""
        entity_id bigint
        as_of timestamp
        features array<double>
        version smallint
    """),
    "campaign": _columns("""
        campaign_id string
        channel string
        day date
        spend decimal(12,2)
        clicks bigint
        impressions bigint
    """),
    "anything": _columns("""
        id bigint
        value string
    """),
}

# --- comments and owners that somebody wrote ---

_LONG = (
    "One row a customer and day. Built each night from the silver layer after the last shop has closed, which is "
    "about 09:30 UTC. Before 2021 the country is that of the billing address, since then that of the shipping "
    "address; do not compare across. Refunds count on the day of the refund. Guests without an account share the "
    "customer 0 and are left out of all averages. Rows are rewritten for up to 35 days, because returns come in late. "
) * 3

_COMMENTS = {
    "prod": "What the business runs on. Changes go through review",
    "prod_mumbai": "Copy of prod for the Mumbai region; its data may not leave the region",
    "staging": "Rehearsal of prod with a tenth of the data",
    "dev": "Anyone may write here. Emptied every quarter",
    "sandbox": "No support, no backup",
    "Legacy_CRM": "Moved from the old CRM as it was, names and all",
    "prod.gold": "Tables for reports; the only schema that dashboards may read",
    "prod.tmp": "Emptied every night",
    "prod.gold.customer_360": _LONG,
    "prod.gold.revenue_daily": "Umsatz pro Tag und Region – geprüft, ohne Rückläufer (日次売上)",
    "prod.gold.orders": "All orders of all shops. The table to start from",
    "prod.silver.orders": 'Cleaned orders. See <a href="https://example.com/runbook">the runbook</a>',
    "prod.marketing.campaign_copy": "<script>alert('a comment is text')</script><b>bold?</b> & <img src=x onerror=alert(1)>",
    "prod.marketing.audience_segments": "Do [bold red]not[/] use for e-mail; ask legal first :warning:",
    "prod.finance.ledger_postings": "Posted, never changed. A mistake is corrected by a second posting",
    "prod.silver.orders_bak_20240101": "Backup before the currency migration. TODO: drop",
    "sandbox.Scratch.Quarterly_Numbers": "Für die Präsentation — не удалять 🙏",
    "prod.ml_features.churn_features": "Line one\nLine two, after a line break\tand a tab",
}

_OWNERS = {
    "bronze": "data-platform",
    "silver": "data-platform",
    "gold": "analytics-engineering",
    "finance": "finance-data@example.com",
    "lending": "risk-models",
    "marketing": "growth analytics",
}


def _relations(catalog: str, schema: str, row: str, names: str, object_type: str = "MANAGED") -> Iterator[Relation]:
    for name in names.split():
        full_name = f"{catalog}.{schema}.{name}"
        # Half of the tables of a team still belong to whoever made them, as it is everywhere.
        owner = _OWNERS.get(schema, "") if catalog.startswith("prod") and len(name) % 2 else ""
        yield Relation(catalog, schema, name, object_type, _COLUMNS[row], _COMMENTS.get(full_name, ""), owner)


# --- tables and views ---

_SHOPS = "shopify_orders amazon_orders pos_orders ebay_orders"
_BRONZE_ORDERS = f"{_SHOPS} returns_feed order_status_feed"
_BRONZE_PAYMENTS = "stripe_charges stripe_refunds paypal_transactions adyen_settlements"
_BRONZE_CUSTOMERS = "crm_contacts crm_accounts loyalty_members newsletter_signups"
_SILVER_ORDERS = "orders order_lines shipments returns"
_SILVER_PAYMENTS = "payments refunds chargebacks payouts"
_SILVER_CUSTOMERS = "customers addresses consents households"
_GOLD_TABLES = "orders customer_360 product_performance store_ranking"
_GOLD_VIEWS = "v_orders_open v_orders_late v_customers_active v_returns_by_reason"
_GOLD_MATERIALIZED = "revenue_daily revenue_monthly margin_daily"

_PROD = (
    *_relations("prod", "bronze", "order", _BRONZE_ORDERS),
    *_relations("prod", "bronze", "payment", _BRONZE_PAYMENTS),
    *_relations("prod", "bronze", "customer", _BRONZE_CUSTOMERS),
    *_relations("prod", "bronze", "event", "web_clicks app_events search_queries push_opens", "STREAMING_TABLE"),
    *_relations("prod", "bronze", "product", "supplier_catalog price_list stock_levels", "EXTERNAL"),
    *_relations("prod", "bronze", "metric", "fx_rates weather_daily", "EXTERNAL"),
    *_relations("prod", "silver", "order", f"{_SILVER_ORDERS} carts promotions_applied"),
    *_relations("prod", "silver", "payment", _SILVER_PAYMENTS),
    *_relations("prod", "silver", "customer", _SILVER_CUSTOMERS),
    *_relations("prod", "silver", "product", "products product_variants categories suppliers"),
    *_relations("prod", "silver", "event", "sessions page_views", "STREAMING_TABLE"),
    *_relations("prod", "silver", "order", "orders_bak_20240101 orders_old orders_v2 ORDERS_TEST returns_bak_20231115"),
    *_relations("prod", "gold", "order", f"{_GOLD_TABLES} order_funnel basket_analysis"),
    *_relations("prod", "gold", "order", f"{_GOLD_VIEWS} v_orders_today v_orders_by_channel v_top_products", "VIEW"),
    *_relations("prod", "gold", "metric", f"{_GOLD_MATERIALIZED} inventory_turnover", "MATERIALIZED_VIEW"),
    *_relations("prod", "gold", "metric", "revenue_metrics", "METRIC_VIEW"),
    *_relations("prod", "finance", "ledger", "ledger_postings accounts cost_centers journals fixed_assets accruals"),
    *_relations("prod", "finance", "payment", "invoices invoice_lines dunning bank_statements"),
    *_relations("prod", "finance", "ledger", "v_trial_balance v_open_items v_vat_report v_intercompany", "VIEW"),
    *_relations("prod", "finance", "metric", "pnl_monthly cash_position_daily", "MATERIALIZED_VIEW"),
    *_relations("prod", "lending", "loan", "applications loans installments collateral write_offs"),
    *_relations("prod", "lending", "loan", "v_portfolio v_delinquent_loans", "VIEW"),
    *_relations("prod", "lending", "metric", "portfolio_at_risk", "MATERIALIZED_VIEW"),
    *_relations("prod", "lending", "customer", "bureau_scores identity_checks", "EXTERNAL"),
    *_relations(
        "prod", "marketing", "campaign", "campaigns ad_spend campaign_copy audience_segments attribution_touches"
    ),
    *_relations("prod", "marketing", "campaign", "google_ads_daily meta_ads_daily tiktok_ads_daily", "FOREIGN"),
    *_relations("prod", "marketing", "metric", "v_roas v_cac v_newsletter_performance", "VIEW"),
    *_relations("prod", "ml_features", "feature", "churn_features ltv_features product_embeddings fraud_features"),
    *_relations("prod", "ml_features", "feature", "churn_scores ltv_scores fraud_scores demand_forecast"),
    *_relations("prod", "ml_features", "event", "feature_log", "STREAMING_TABLE"),
    *_relations("prod", "tmp", "anything", "tmp_orders_fix tmp_dedupe orders_tmp x1 x2"),
    *_relations("prod", "_tmp", "anything", "stage_a stage_b"),
    *_relations("prod", "tmp_backfill", "order", "orders_2019 orders_2020 orders_2021"),
    *_relations("prod", "monitoring", "metric", "freshness row_counts schema_changes quality_scores"),
    *_relations("prod", "monitoring", "metric", "v_alerts_open", "VIEW"),
)
_MUMBAI = (
    *_relations("prod_mumbai", "bronze", "order", "flipkart_orders pos_orders returns_feed"),
    *_relations("prod_mumbai", "bronze", "payment", "razorpay_payments upi_transactions"),
    *_relations("prod_mumbai", "bronze", "event", "app_events", "STREAMING_TABLE"),
    *_relations("prod_mumbai", "silver", "order", _SILVER_ORDERS),
    *_relations("prod_mumbai", "silver", "payment", _SILVER_PAYMENTS),
    *_relations("prod_mumbai", "silver", "customer", _SILVER_CUSTOMERS),
    *_relations("prod_mumbai", "gold", "order", _GOLD_TABLES),
    *_relations("prod_mumbai", "gold", "order", _GOLD_VIEWS, "VIEW"),
    *_relations("prod_mumbai", "gold", "metric", _GOLD_MATERIALIZED, "MATERIALIZED_VIEW"),
    *_relations("prod_mumbai", "finance", "ledger", "ledger_postings accounts journals gst_returns"),
    *_relations("prod_mumbai", "finance", "ledger", "v_trial_balance v_gst_report", "VIEW"),
    *_relations("prod_mumbai", "lending", "loan", "applications loans installments"),
    *_relations("prod_mumbai", "marketing", "campaign", "campaigns ad_spend whatsapp_messages"),
    *_relations("prod_mumbai", "tmp", "anything", "orders_tmp gst_fix"),
)
_STAGING = (
    *_relations("staging", "bronze", "order", _BRONZE_ORDERS),
    *_relations("staging", "bronze", "payment", _BRONZE_PAYMENTS),
    *_relations("staging", "bronze", "customer", _BRONZE_CUSTOMERS),
    *_relations("staging", "silver", "order", _SILVER_ORDERS),
    *_relations("staging", "silver", "payment", _SILVER_PAYMENTS),
    *_relations("staging", "silver", "customer", _SILVER_CUSTOMERS),
    *_relations("staging", "gold", "order", _GOLD_TABLES),
    *_relations("staging", "gold", "order", _GOLD_VIEWS, "VIEW"),
    *_relations("staging", "gold", "metric", _GOLD_MATERIALIZED, "MATERIALIZED_VIEW"),
    *_relations("staging", "finance", "ledger", "ledger_postings accounts journals"),
    *_relations("staging", "marketing", "campaign", "campaigns ad_spend attribution_touches"),
    *_relations("staging", "ml_features", "feature", "churn_features ltv_features churn_scores"),
    *_relations("staging", "tmp_migration", "anything", "old_ids new_ids id_map"),
)
_DEV = (
    *_relations("dev", "bronze", "order", _SHOPS),
    *_relations("dev", "silver", "order", _SILVER_ORDERS),
    *_relations("dev", "gold", "order", _GOLD_TABLES),
    *_relations("dev", "gold", "order", _GOLD_VIEWS, "VIEW"),
    *_relations("dev", "silver", "customer", _SILVER_CUSTOMERS),
    *_relations("dev", "gold", "metric", _GOLD_MATERIALIZED, "MATERIALIZED_VIEW"),
    *_relations("dev", "feature_1234", "order", "orders orders_new"),
    *_relations("dev", "ci_run_8841", "anything", "fixture_orders fixture_customers"),
    *_relations("dev", "ci_run_8842", "anything", "fixture_orders fixture_customers"),
)
_SANDBOX = (
    *_relations("sandbox", "experiments", "feature", "ab_test_17 ab_test_18 uplift_model embeddings_try2"),
    *_relations("sandbox", "Scratch", "anything", "Quarterly_Numbers test Test2 copy_of_orders orders_final_FINAL"),
    *_relations("sandbox", "_tmp", "anything", "a b c"),
    *_relations("sandbox", "tmp_2024", "anything", "export_jan export_feb tmp"),
)
_LEGACY = (
    *_relations("Legacy_CRM", "Sales", "customer", "Accounts Contacts Leads Opportunities AccountHistory"),
    *_relations("Legacy_CRM", "Sales", "customer", "vw_OpenOpportunities vw_AccountOwners", "VIEW"),
    *_relations("Legacy_CRM", "Support", "event", "Cases CaseComments Case_Attachments"),
    *_relations("Legacy_CRM", "dbo", "anything", "tblConfig tblLookup TMP_IMPORT sysdiagrams"),
)

RELATIONS: tuple[Relation, ...] = (*_PROD, *_MUMBAI, *_STAGING, *_DEV, *_SANDBOX, *_LEGACY)

CATALOGS: tuple[Container, ...] = tuple(
    Container("", name, _COMMENTS.get(name, "")) for name in dict.fromkeys(relation.catalog for relation in RELATIONS)
)

# A catalog comes with a schema of its own, which stays empty here; so does one that nobody has used yet.
DEFAULT_SCHEMA = "default"
_UNUSED = (("prod", "archive_2022"),)
SCHEMAS: tuple[Container, ...] = tuple(
    Container(catalog, name, _COMMENTS.get(f"{catalog}.{name}", ""))
    for catalog, name in dict.fromkeys(chain(((r.catalog, r.schema) for r in RELATIONS), _UNUSED))
)

# --- notebooks ---

NOTEBOOKS: tuple[str, ...] = (
    "/Shared/ingest/01_load_orders",
    "/Shared/ingest/02_load_payments",
    "/Shared/ingest/03_load_customers",
    "/Shared/ingest/backfill/orders_2019",
    "/Shared/ingest/backfill/orders_2020",
    "/Shared/ingest/tmp/try_autoloader",
    "/Shared/transform/build_silver",
    "/Shared/transform/build_gold",
    "/Shared/transform/checks/row_counts",
    "/Shared/transform/checks/freshness",
    "/Shared/Q3 Überblick/Umsätze – final",
    "/Shared/Q3 Überblick/Umsätze – final (2)",
    "/Shared/Q3 Überblick/Kosten & Margen",
    "/Shared/🚀 Launch/📊 dashboard",
    "/Shared/日本/売上レポート",
    "/Shared/<b>not markup",
    "/Production/finance/monthly close",
    "/Production/finance/vat_report",
    "/Production/lending/score_applications",
    "/Production/lending/portfolio_at_risk",
    "/Production/marketing/attribution",
    "/Production/ml/train_churn",
    "/Production/ml/train_ltv",
    "/Production/ml/score_daily",
    "/Production/ml/archive/train_churn_v1",
    "/Production_old/finance/monthly close",
    "/Production_old/marketing/attribution",
    "/Repos/data-platform/lakehouse/notebooks/maintenance",
    "/Repos/data-platform/lakehouse/notebooks/vacuum_all",
    "/Repos/data-platform/lakehouse/tests/test_silver",
    "/Users/analyst@example.com/Untitled Notebook 2024-03-01 10_15_22",
    "/Users/analyst@example.com/scratch",
    "/Users/analyst@example.com/Trials/Price elasticity (draft)",
    "/Users/engineer@example.com/debug streaming",
    "/Users/engineer@example.com/tmp/x",
    "/Users/engineer@example.com/tmp/delete me",
)


def full_names() -> dict[str, set[str]]:
    """Return the full names of everything a discovery must find, by kind of object."""
    names: dict[str, set[str]] = {kind: set() for kind in ("catalog", "schema", "table", "view", "notebook")}
    for catalog in CATALOGS:
        names["catalog"].add(catalog.full_name)
        names["schema"].add(f"{catalog.name}.{DEFAULT_SCHEMA}")
    names["schema"].update(schema.full_name for schema in SCHEMAS)
    for relation in RELATIONS:
        is_view = relation.object_type in {"VIEW", "MATERIALIZED_VIEW"}
        names["view" if is_view else "table"].add(relation.full_name)
    names["notebook"].update(NOTEBOOKS)
    return names
